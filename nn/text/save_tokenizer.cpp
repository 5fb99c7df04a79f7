#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "nn/text/bpe.h"
#include "nn/text/clip.h"
#include "nn/text/tokenizer.h"
#include "nn/text/tokenizer_files.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"

namespace papilio::nn {

using json = nlohmann::ordered_json;  // tokens by id

namespace {

json vocabulary_json(const Tokenizer& tokenizer) {
  json vocabulary = json::object();
  const Vocabulary& known = tokenizer.parts().bpe.vocabulary();
  for (int64_t id = 0; id < tokenizer.size(); ++id) {
    const auto found = known.find(tokenizer.token(id));
    if (found != known.end() && found->second == id) vocabulary[found->first] = id;
  }
  return vocabulary;
}

std::string merges_text(const Merges& merges) {
  std::string lines = "#version: 0.2\n";
  for (const auto& [left, right] : merges) lines += left + ' ' + right + '\n';
  return lines;
}

json added_json(const std::vector<AddedToken>& tokens) {
  json added = json::array();
  for (const AddedToken& token : tokens)
    added.push_back({{"id", token.id},
                     {"content", token.content},
                     {"single_word", false},
                     {"lstrip", token.lstrip},
                     {"rstrip", token.rstrip},
                     {"normalized", token.normalized},
                     {"special", token.special}});
  return added;
}

json model_json(const Bpe& bpe, const json& vocabulary) {
  json merges = json::array();
  for (const auto& [left, right] : bpe.merges()) merges.push_back({left, right});
  const Bpe::Options& options = bpe.options();
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", options.unk_token ? json(*options.unk_token) : json()},
          {"continuing_subword_prefix", ""},
          {"end_of_word_suffix", options.end_of_word_suffix},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", vocabulary},
          {"merges", merges}};
}

json role(const Tokenizer& tokenizer, std::optional<int64_t> id) {
  return id ? json(tokenizer.token(*id)) : json();
}

// CLIP's in the files that all programs read; tokenizer.json follows from them.
void save_clip(const Tokenizer& tokenizer, const std::filesystem::path& folder, int64_t length) {
  const TokenRoles& roles = tokenizer.roles();
  const json config = {{"bos_token", role(tokenizer, roles.bos)},
                       {"eos_token", role(tokenizer, roles.eos)},
                       {"model_max_length", length},
                       {"pad_token", role(tokenizer, roles.pad)},
                       {"tokenizer_class", "CLIPTokenizer"},
                       {"unk_token", role(tokenizer, roles.unk)}};
  write_file_atomically(folder / "vocab.json", vocabulary_json(tokenizer).dump() + '\n');
  write_file_atomically(folder / "merges.txt", merges_text(tokenizer.parts().bpe.merges()));
  write_file_atomically(folder / "tokenizer_config.json", config.dump(2) + '\n');
}

}  // namespace

void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder,
                    int64_t clip_length) {
  const Tokenizer::Parts& parts = tokenizer.parts();
  if (reads_as_clip(parts)) return save_clip(tokenizer, folder, clip_length);
  check(!parts.normalize && parts.before.empty() && parts.after.empty(),
        "save_tokenizer: expected a tokenizer that neither normalises nor adds tokens");
  const json vocabulary = vocabulary_json(tokenizer);
  const json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", parts.add_prefix_space},
                           {"trim_offsets", true},
                           {"use_regex", true}};
  const json file = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added_json(parts.added)},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", byte_level},
                     {"post_processor", byte_level},
                     {"decoder", byte_level},
                     {"model", model_json(parts.bpe, vocabulary)}};
  const json config = {{"add_prefix_space", parts.add_prefix_space},
                       {"bos_token", role(tokenizer, parts.roles.bos)},
                       {"eos_token", role(tokenizer, parts.roles.eos)},
                       {"pad_token", role(tokenizer, parts.roles.pad)},
                       {"tokenizer_class", "GPT2Tokenizer"},
                       {"unk_token", role(tokenizer, parts.roles.unk)}};
  write_file_atomically(folder / "tokenizer.json", file.dump(2) + '\n');
  write_file_atomically(folder / "vocab.json", vocabulary.dump() + '\n');
  write_file_atomically(folder / "merges.txt", merges_text(parts.bpe.merges()));
  write_file_atomically(folder / "tokenizer_config.json", config.dump(2) + '\n');
}

}  // namespace papilio::nn
