#include "nn/text/tokenizer_files.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/text/bpe.h"
#include "nn/text/clip.h"
#include "nn/text/utf8.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::nn {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kTokenizer = "tokenizer.json";
constexpr const char* kVocabulary = "vocab.json";
constexpr const char* kMerges = "merges.txt";
constexpr const char* kConfig = "tokenizer_config.json";
constexpr const char* kSpecial = "special_tokens_map.json";
constexpr const char* kAdded = "added_tokens.json";
constexpr std::array kFiles = {kTokenizer, kVocabulary, kMerges, kConfig, kSpecial, kAdded};

Vocabulary read_vocabulary(const json& object, const std::string& where) {
  check<FileError>(object.is_object(), where, ": expected an object of numbers by token");
  Vocabulary vocabulary;
  for (const auto& [token, id] : object.items()) {
    check<FileError>(id.is_number_integer(), where, ": \"", token, "\": expected a number, got ",
                     id.dump());
    vocabulary[token] = id.get<int64_t>();
  }
  return vocabulary;
}

// "a b" is one merge.
std::pair<std::string, std::string> parse_merge(const std::string& line, const std::string& where) {
  const size_t space = line.find(' ');
  check<FileError>(space != line.npos && space > 0 && space + 1 < line.size() &&
                       line.find(' ', space + 1) == line.npos,
                   where, ": expected two tokens with a space between, got \"", valid_utf8(line),
                   '"');
  return {line.substr(0, space), line.substr(space + 1)};
}

Merges read_merges(const json& list, const std::string& where) {
  check<FileError>(list.is_array(), where, ": expected a list");
  Merges merges;
  for (const json& item : list) {
    const std::string place = str(where, ", entry ", merges.size());
    if (item.is_string()) {
      merges.push_back(parse_merge(item.get<std::string>(), place));
      continue;
    }
    check<FileError>(
        item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string(), place,
        ": expected two tokens, got ", item.dump());
    merges.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
  }
  return merges;
}

Merges read_merges_file(const fs::path& path) {
  const std::string text = read_file(path);
  check_utf8(text, path.string());
  Merges merges;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.pop_back();
    at = end + 1, ++number;
    if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
    merges.push_back(parse_merge(line, str(path.string(), ":", number)));
  }
  return merges;
}

// The content of "x" or {"content": "x"}; empty for null.
std::string token_text(JsonFields& fields, const char* key) {
  const json& value = fields.value(key);
  if (value.is_object()) return fields.object(key).string("content", "");
  return value.is_null() ? "" : fields.string(key, "");
}

AddedToken read_added(JsonFields fields, int64_t id) {
  if (fields.boolean("single_word", false)) fields.fail("single_word", "false");
  return {.id = id,
          .content = fields.string("content", ""),
          .special = fields.boolean("special", false),
          .lstrip = fields.boolean("lstrip", false),
          .rstrip = fields.boolean("rstrip", false),
          .normalized = fields.boolean("normalized", false)};
}

void add_unless_there(std::vector<AddedToken>& added, AddedToken token) {
  if (std::ranges::none_of(added, [&](const AddedToken& t) { return t.content == token.content; }))
    added.push_back(std::move(token));
}

// Settings under which the ids would be others.
void refuse(JsonFields& model) {
  const std::string type = model.string("type", "BPE");
  if (type != "BPE") model.fail("type", "BPE");
  if (model.number("dropout", 0) != 0) model.fail("dropout", "null");
  if (!model.string("continuing_subword_prefix", "").empty())
    model.fail("continuing_subword_prefix", "none");
  for (const char* key : {"fuse_unk", "byte_fallback", "ignore_merges"})
    if (model.boolean(key, false)) model.fail(key, "false");
}

// CLIP's normalizer and pre_tokenizer, as read_as_clip has them, but for ranges of offsets.
bool reads_as_clip(JsonFields& file) {
  static const json kNormalizer =
      json::parse(R"({"type": "Sequence", "normalizers": [{"type": "NFC"},
      {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]})");
  if (file.value("normalizer") != kNormalizer) return false;
  JsonFields fields = file.object("pre_tokenizer");
  const json& steps = fields.value("pretokenizers");
  const auto split = [](const std::string& pattern) {
    return json{{"type", "Split"},
                {"pattern", {{"Regex", pattern}}},
                {"behavior", "Removed"},
                {"invert", true}};
  };
  // Older files leave the special tokens out, which are found before.
  const std::string words = kClipPattern.substr(kClipPattern.find("'s"));
  const bool splits = steps.is_array() && steps.size() == 2 &&
                      (steps[0] == split(kClipPattern) || steps[0] == split(words)) &&
                      steps[1].is_object() && steps[1].value("type", "") == "ByteLevel";
  if (!splits || steps[1].value("add_prefix_space", true))
    fields.fail("pretokenizers", "CLIP's two beside this normalizer: Split and ByteLevel");
  return true;
}

void read_pre_tokenizer(JsonFields& file, Tokenizer::Parts& parts) {
  JsonFields fields = file.object("pre_tokenizer");
  if (fields.string("type", "") != "ByteLevel") fields.fail("type", "ByteLevel");
  if (!fields.boolean("use_regex", true)) fields.fail("use_regex", "true");
  parts.add_prefix_space = fields.boolean("add_prefix_space", true);
}

// RobertaProcessing's ["<s>", 0] before the text and ["</s>", 2] behind it.
void read_roberta(JsonFields& fields, Tokenizer::Parts& parts) {
  for (const auto& [key, ids] : {std::pair("cls", &parts.before), std::pair("sep", &parts.after)}) {
    const json& token = fields.value(key);
    if (!token.is_array() || token.size() != 2 || !token[1].is_number_integer())
      fields.fail(key, "a token and its id");
    *ids = {token[1].get<int64_t>()};
  }
}

// What stands before and behind the text in TemplateProcessing's `single`.
void read_post_processor(JsonFields& file, Tokenizer::Parts& parts) {
  JsonFields fields = file.object("post_processor");
  const std::string type = fields.string("type", "ByteLevel");
  if (type == "ByteLevel") return;  // offsets only
  if (type == "RobertaProcessing") return read_roberta(fields, parts);
  if (type != "TemplateProcessing")
    fields.fail("type", "ByteLevel, TemplateProcessing or RobertaProcessing");
  const json& single = fields.value("single");
  const json& tokens = fields.value("special_tokens");
  bool behind = false;
  if (!single.is_array()) fields.fail("single", "a list");
  for (const json& piece : single) {
    if (piece.is_object() && piece.contains("Sequence")) {
      behind = true;
      continue;
    }
    const json name = piece.is_object() ? piece.value("SpecialToken", json::object()) : json();
    const json ids = name.is_object() && tokens.is_object()
                         ? tokens.value(name.value("id", ""), json::object()).value("ids", json())
                         : json();
    if (!ids.is_array()) fields.fail("single", "a Sequence and special tokens with ids");
    for (const json& id : ids) {
      if (!id.is_number_integer()) fields.fail("special_tokens", "ids that are numbers");
      (behind ? parts.after : parts.before).push_back(id.get<int64_t>());
    }
  }
}

// tokenizer.json
Tokenizer::Parts read_tokenizer_json(const fs::path& path) {
  const json document = read_json(path);
  JsonFields file(document, path.string());
  JsonFields model = file.object("model");
  refuse(model);
  const bool clip = reads_as_clip(file);
  if (!clip && !file.value("normalizer").is_null()) file.fail("normalizer", "null, or CLIP's");
  const std::string unk = model.string("unk_token", "");
  Tokenizer::Parts parts{
      .bpe = Bpe(read_vocabulary(model.value("vocab"), path.string() + ": model: vocab"),
                 read_merges(model.value("merges"), path.string() + ": model: merges"),
                 {.end_of_word_suffix = model.string("end_of_word_suffix", ""),
                  .unk_token = unk.empty() ? std::nullopt : std::optional(unk)})};
  if (clip)
    read_as_clip(parts);
  else
    read_pre_tokenizer(file, parts);
  read_post_processor(file, parts);
  const json& added = file.value("added_tokens");
  if (!added.is_null() && !added.is_array()) file.fail("added_tokens", "a list");
  for (size_t i = 0; i < added.size(); ++i) {
    JsonFields fields(added[i], str(path.string(), ": added_tokens, entry ", i));
    parts.added.push_back(read_added(fields, fields.integer("id", -1, 0)));
  }
  return parts;
}

// Does tokenizer_config.json say CLIPTokenizer or CLIPTokenizerFast?
bool is_clip(const fs::path& folder) {
  if (!file_exists(folder / kConfig)) return false;
  const json document = read_json(folder / kConfig);
  JsonFields fields(document, (folder / kConfig).string());
  return fields.string("tokenizer_class", "").starts_with("CLIPTokenizer");
}

// vocab.json and merges.txt, and added_tokens.json if it is there.
Tokenizer::Parts read_vocabulary_files(const fs::path& folder) {
  const fs::path path = folder / kVocabulary;
  Bpe::Options options;
  if (is_clip(folder)) options = {.end_of_word_suffix = "</w>", .unk_token = "<|endoftext|>"};
  Tokenizer::Parts parts{.bpe = Bpe(read_vocabulary(read_json(path), path.string()),
                                    read_merges_file(folder / kMerges), options)};
  if (file_exists(folder / kAdded)) {
    const fs::path added = folder / kAdded;
    for (const auto& [content, id] : read_vocabulary(read_json(added), added.string()))
      parts.added.push_back({.id = id, .content = content});
  }
  return parts;
}

// bos_token and the like, from the two files that may say them.
void read_roles(const fs::path& folder, Tokenizer::Parts& parts) {
  struct Role {
    const char* key;
    std::optional<int64_t> TokenRoles::*id;
  };
  constexpr Role roles[] = {{"bos_token", &TokenRoles::bos},
                            {"eos_token", &TokenRoles::eos},
                            {"unk_token", &TokenRoles::unk},
                            {"pad_token", &TokenRoles::pad}};
  const auto id_of = [&](const std::string& token) -> std::optional<int64_t> {
    for (const AddedToken& added : parts.added)
      if (added.content == token) return added.id;
    const auto found = parts.bpe.vocabulary().find(token);
    if (found == parts.bpe.vocabulary().end()) return {};
    return found->second;
  };
  for (const char* name : {kConfig, kSpecial}) {
    if (!file_exists(folder / name)) continue;
    const json document = read_json(folder / name);
    JsonFields fields(document, (folder / name).string());
    if (name == kConfig) {
      JsonFields decoder = fields.object("added_tokens_decoder");
      const json& entries = fields.value("added_tokens_decoder");
      for (const auto& [id, unused] : entries.items()) {
        if (id.empty() || id.size() > 9 || id.find_first_not_of("0123456789") != id.npos)
          fields.fail("added_tokens_decoder", "tokens by number");
        add_unless_there(parts.added, read_added(decoder.object(id.c_str()), std::stoll(id)));
      }
    }
    for (const auto& [key, member] : roles) {
      const std::string token = token_text(fields, key);
      if (token.empty() || (parts.roles.*member).has_value()) continue;
      const auto id = id_of(token);
      if (!id) fields.fail(key, "a token of the vocabulary");
      parts.roles.*member = id;
      add_unless_there(parts.added, {.id = *id, .content = token, .special = true});
    }
  }
  // GPT-2's own files say none.
  if (const auto id = id_of("<|endoftext|>"); id && !parts.roles.eos) {
    parts.roles.eos = id;
    if (!parts.roles.bos) parts.roles.bos = id;
    add_unless_there(parts.added, {.id = *id, .content = "<|endoftext|>", .special = true});
  }
}

}  // namespace

std::vector<std::string> tokenizer_file_names() {
  return {kFiles.begin(), kFiles.end()};
}

bool has_tokenizer(const fs::path& folder) {
  return file_exists(folder / kTokenizer) ||
         (file_exists(folder / kVocabulary) && file_exists(folder / kMerges));
}

Tokenizer load_tokenizer(const fs::path& folder) {
  check<FileError>(has_tokenizer(folder), folder.string(), ": holds neither ", kTokenizer, " nor ",
                   kVocabulary, " and ", kMerges);
  const bool whole = file_exists(folder / kTokenizer);
  const std::string where = (folder / (whole ? kTokenizer : kVocabulary)).string();
  return as_file_error(where, [&] {
    Tokenizer::Parts parts =
        whole ? read_tokenizer_json(folder / kTokenizer) : read_vocabulary_files(folder);
    read_roles(folder, parts);
    if (!whole && is_clip(folder)) read_as_clip(parts);
    return Tokenizer(std::move(parts));
  });
}

void copy_tokenizer(const fs::path& from, const fs::path& to) {
  for (const char* name : kFiles)
    if (file_exists(from / name)) write_file_atomically(to / name, read_file(from / name));
}

}  // namespace papilio::nn
