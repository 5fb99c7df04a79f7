#include "nn/data/sources/text.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "nn/data/detail/file_errors.h"
#include "nn/data/sources/detail/folder_files.h"
#include "nn/data/sources/detail/part_names.h"
#include "nn/text/utf8.h"
#include "tensor/creation.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/files/safetensors.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kClass = {"text"};  // every sample is of one

// Pieces of one long sequence, which may lie in a mapped file: piece i predicts tokens
// i length + 1, ..., (i + 1) length.
class Pieces : public Dataset<TokenSequence> {
 public:
  Pieces(fs::path file, Tensor tokens, int64_t length)
      : Dataset(kClass), file_(std::move(file)), tokens_(std::move(tokens)), length_(length) {}

  int64_t size() const override { return (tokens_.numel() - 1 + length_ - 1) / length_; }
  int64_t label(int64_t) const override { return 0; }
  std::string own_name(int64_t i) const override {
    return str(file_.string(), ", tokens ", i * length_, " to ", end(i) - 1);
  }
  std::vector<fs::path> files(int64_t) const override { return {file_}; }
  TokenSequence sample(int64_t i) const override {
    TokenSequence sequence;
    for (int64_t k = i * length_; k < end(i); ++k)
      sequence.ids.push_back(tokens_.dtype() == DType::int64 ? tokens_.data<int64_t>()[k]
                                                             : tokens_.data<int32_t>()[k]);
    return sequence;
  }

 private:
  int64_t end(int64_t i) const { return std::min(tokens_.numel(), (i + 1) * length_ + 1); }

  fs::path file_;
  Tensor tokens_;  // (N) int32 or int64
  int64_t length_;
};

// A sample each.
struct NamedSequence {
  std::string name;
  TokenSequence sequence;
};
class Sequences : public Dataset<TokenSequence> {
 public:
  Sequences(fs::path file, std::vector<NamedSequence> all)
      : Dataset(kClass), file_(std::move(file)), all_(std::move(all)) {}
  int64_t size() const override { return int64_t(all_.size()); }
  int64_t label(int64_t) const override { return 0; }
  std::string own_name(int64_t i) const override { return all_[size_t(i)].name; }
  std::vector<fs::path> files(int64_t) const override { return {file_}; }
  TokenSequence sample(int64_t i) const override { return all_[size_t(i)].sequence; }

 private:
  fs::path file_;
  std::vector<NamedSequence> all_;
};

// A file of UTF-8, or a line of records; the text is to be learned, the prompt is given.
struct Text {
  std::string name;
  std::optional<std::string> prompt;
  std::string text;
};

std::vector<Text> records(const fs::path& path, const std::string& lines) {
  std::vector<Text> result;
  int64_t number = 0;
  for (size_t at = 0; at < lines.size();) {
    const size_t stop = std::min(lines.find('\n', at), lines.size());
    const std::string_view line = std::string_view(lines).substr(at, stop - at);
    at = stop + 1, ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const std::string where = str(path.string(), ":", number);
    check_utf8(line, where);
    const nlohmann::json object = parse_json(line, where);
    JsonFields fields(object, where);
    if (fields.has("text")) {
      result.push_back({where, {}, fields.string("text", "")});
      continue;
    }
    if (!fields.has("prompt") || !fields.has("completion"))
      fields.fail(fields.has("prompt") ? "completion" : "text",
                  "\"text\", or \"prompt\" and \"completion\"");
    result.push_back({where, fields.string("prompt", ""), fields.string("completion", "")});
  }
  return result;
}

std::vector<Text> texts_of(const fs::path& path) {
  std::string text = read_file(path);
  if (path.extension() == ".jsonl") return records(path, text);
  check_utf8(text, path.string());
  return {{path.string(), {}, std::move(text)}};
}

// Reads files; what it has read of each part.
class Reader {
 public:
  Reader(const Tokenizer& tokenizer, const TextOptions& options)
      : tokenizer_(tokenizer), options_(options) {}

  std::vector<TextData> read(const fs::path& path) const {
    if (path.extension() == ".safetensors") return {tokens_file(path)};
    std::vector<NamedSequence> texts = sequences(path);
    std::erase_if(texts, [](const NamedSequence& t) {
      return int64_t(t.sequence.ids.size()) <= std::max<int64_t>(t.sequence.counted, 1);
    });
    const bool whole =
        std::ranges::all_of(texts, [](const NamedSequence& t) { return t.sequence.counted <= 1; });
    if (options_.pack && whole) return packed(path, texts);
    for (NamedSequence& text : texts) cut(text);
    if (texts.empty()) return {};
    return {std::make_shared<Sequences>(path, std::move(texts))};
  }

 private:
  void add(std::vector<int64_t>& ids, std::string_view text) const {
    const std::vector<int64_t> more = tokenizer_.encode(text);
    ids.insert(ids.end(), more.begin(), more.end());
  }
  // The first line, from 1, with a character for which the vocabulary has no token.
  int64_t unknown_line(std::string_view text) const {
    int64_t line = 1;
    try {
      for (size_t at = 0; at < text.size(); ++line) {
        const size_t stop = std::min(text.find('\n', at), text.size() - 1) + 1;
        tokenizer_.encode(text.substr(at, stop - at));
        at = stop;
      }
    } catch (const ArgumentError&) {
    }
    return line;
  }
  void end(std::vector<int64_t>& ids) const {
    if (tokenizer_.roles().eos) ids.push_back(*tokenizer_.roles().eos);
  }

  std::vector<NamedSequence> sequences(const fs::path& path) const {
    std::vector<NamedSequence> result;
    for (const Text& text : texts_of(path)) {
      NamedSequence named{text.name, {}};
      std::vector<int64_t>& ids = named.sequence.ids;
      try {
        if (text.prompt) {
          add(ids, *text.prompt);
          named.sequence.counted = std::max<int64_t>(1, int64_t(ids.size()));
        }
        add(ids, text.text);
      } catch (const ArgumentError& e) {
        const bool a_record = text.name != path.string();  // and named by its line
        throw FileError(a_record ? str(text.name, ": ", e.what())
                                 : str(text.name, ':', unknown_line(text.text), ": ", e.what()));
      }
      end(ids);
      result.push_back(std::move(named));
    }
    return result;
  }

  std::vector<TextData> packed(const fs::path& path,
                               const std::vector<NamedSequence>& texts) const {
    std::vector<int32_t> all;
    for (const NamedSequence& text : texts)
      all.insert(all.end(), text.sequence.ids.begin(), text.sequence.ids.end());
    if (all.size() < 2) return {};
    return {std::make_shared<Pieces>(path, tensor<int32_t>(all), options_.length)};
  }

  TextData tokens_file(const fs::path& path) const {
    const SafetensorsReader file(path);
    check<FileError>(file.entries().contains("tokens"), path.string(),
                     ": has no tensor \"tokens\"");
    const Tensor tokens = file.tensor("tokens");
    check<FileError>((tokens.dtype() == DType::int32 || tokens.dtype() == DType::int64) &&
                         tokens.dim() == 1 && tokens.numel() >= 2,
                     path.string(), ": tokens: expected (N) int32 or int64 with N >= 2, got ",
                     tokens.dtype(), ' ', tokens.shape());
    const auto check_ids = [&](const auto* ids) {
      for (int64_t i = 0; i < tokens.numel(); ++i)
        check<FileError>(!tokenizer_.token(ids[i]).empty(), path.string(), ": token ", i, " is ",
                         ids[i], ", which the tokenizer does not have");
    };
    if (tokens.dtype() == DType::int64)
      check_ids(tokens.data<int64_t>());
    else
      check_ids(tokens.data<int32_t>());
    return std::make_shared<Pieces>(path, tokens, options_.length);
  }

  // A record that is too long keeps its end, which is what counts; a text keeps its beginning.
  void cut(NamedSequence& text) const {
    TokenSequence& s = text.sequence;
    const int64_t over = int64_t(s.ids.size()) - (options_.length + 1);
    if (over <= 0) return;
    const int64_t given = std::min(over, s.counted - 1);
    s.ids.erase(s.ids.begin(), s.ids.begin() + given);
    s.counted -= given;
    s.ids.resize(size_t(options_.length + 1));
  }

  const Tokenizer& tokenizer_;
  const TextOptions& options_;
};

// The part that a file belongs to, by its own name or that of a folder it lies in.
Part part_of(const fs::path& file, const fs::path& folder) {
  Part part = part_named(file.stem().string());
  for (fs::path at = file.parent_path();
       part == Part::none && at != folder && at.has_relative_path(); at = at.parent_path())
    part = part_named(at.filename().string());
  return part;
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::path& path :
       with_file_errors(folder, [&] { return files_below(folder); }).others) {
    const std::string kind = path.extension();
    if (kind == ".txt" || kind == ".jsonl" || kind == ".safetensors") files.push_back(path);
  }
  check<FileError>(!files.empty(), folder.string(),
                   ": holds no text (files .txt, .jsonl or .safetensors)");
  return files;
}

TextData joined_data(const std::vector<TextData>& parts) {
  TextData all;
  for (const TextData& part : parts) all = all == nullptr ? part : concatenate(all, part);
  return all;
}

}  // namespace

std::vector<std::string> read_texts(const fs::path& path) {
  std::error_code ignored;
  std::vector<std::string> result;
  for (const fs::path& file :
       fs::is_directory(path, ignored) ? files_of(path) : std::vector{path}) {
    check<FileError>(file.extension() != ".safetensors", file.string(),
                     ": holds tokens, of which the text is not known");
    for (const Text& text : texts_of(file)) result.push_back(text.prompt.value_or("") + text.text);
  }
  return result;
}

TextSplits open_text(const fs::path& path, const Tokenizer& tokenizer, const TextOptions& options) {
  check(options.length >= 1, "open_text: expected a length >= 1, got ", options.length);
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  const Reader reader(tokenizer, options);
  std::vector<TextData> train, validation, test;
  for (const fs::path& file : folder ? files_of(path) : std::vector{path}) {
    const Part part = folder ? part_of(file, path) : Part::none;
    std::vector<TextData>& to = part == Part::validation ? validation
                                : part == Part::test     ? test
                                                         : train;
    for (TextData& data : reader.read(file)) to.push_back(std::move(data));
  }
  check<FileError>(!train.empty(), path.string(), ": has no token to learn");
  TextSplits result{"text", joined_data(train), joined_data(validation), joined_data(test)};
  return hold_out_rest(std::move(result), options.shares);
}

void save_tokens(const fs::path& path, const std::vector<int64_t>& tokens) {
  std::vector<int32_t> narrow;
  for (const int64_t id : tokens) {
    check(id >= 0 && id <= INT32_MAX, "save_tokens: expected ids from 0 to 2^31 - 1, got ", id);
    narrow.push_back(int32_t(id));
  }
  save_safetensors(path, {{"tokens", tensor<int32_t>(narrow)}});
}

}  // namespace papilio::nn
