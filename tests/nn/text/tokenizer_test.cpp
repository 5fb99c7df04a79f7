#include "nn/text/tokenizer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "nn/text/byte_level.h"
#include "nn/text/tokenizer_files.h"
#include "nn/text/train_bpe.h"
#include "nn/text/utf8.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/detail/regular_file.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;
using nn::Tokenizer;

fs::path golden() {
  return fs::path(source_root) / "tests/golden/tokenizer";
}

// A vocabulary of a few letters, and what is joined.
nn::Bpe letters(nn::Bpe::Options options = {}) {
  return nn::Bpe({{"a", 0},
                  {"b", 1},
                  {"c", 2},
                  {"ab", 3},
                  {"bc", 4},
                  {"abc", 5},
                  {"aa", 6},
                  {"?", 7},
                  {"c</w>", 8},
                  {"abc</w>", 9}},
                 {{"a", "b"}, {"b", "c"}, {"ab", "c"}, {"a", "a"}, {"ab", "c</w>"}}, options);
}

std::vector<int64_t> ids_of(const nn::Bpe& bpe, const std::string& word) {
  std::vector<int64_t> ids;
  bpe.encode(word, ids);
  return ids;
}

}  // namespace

TEST_CASE("Bpe: the earliest pair of the list is joined first, the leftmost of equal ones") {
  const nn::Bpe bpe = letters();
  CHECK(ids_of(bpe, "abc") == std::vector<int64_t>{5});
  CHECK(ids_of(bpe, "bc") == std::vector<int64_t>{4});
  CHECK(ids_of(bpe, "aaa") == std::vector<int64_t>{6, 0});
  CHECK(ids_of(bpe, "aabc") == std::vector<int64_t>{0, 5});
  CHECK(ids_of(bpe, "").empty());
  CHECK(ids_of(letters({.end_of_word_suffix = "</w>"}), "abc") == std::vector<int64_t>{9});
  CHECK(ids_of(letters({.unk_token = "?"}), "axb") == std::vector<int64_t>{0, 7, 1});
  CHECK_THROWS_WITH_AS(ids_of(bpe, "ax"),
                       "Bpe: \"x\" is no token of the vocabulary, and there is no unk_token",
                       ArgumentError);
}

TEST_CASE("Bpe: a word of 100,000 letters takes no square of steps") {
  CHECK(ids_of(letters(), std::string(100'000, 'a')) == std::vector<int64_t>(50'000, 6));
}

TEST_CASE("Bpe: vocabularies and merges that contradict themselves") {
  CHECK_THROWS_WITH_AS(nn::Bpe({{"a", 1}, {"b", 1}}, {}), "Bpe: \"a\" and \"b\" have the same id 1",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(nn::Bpe({{"a", -1}}, {}),
                       "Bpe: expected ids from 0 to 2^31 - 1, got -1 for \"a\"", ArgumentError);
  CHECK_THROWS_WITH_AS(nn::Bpe({{"a", 0}, {"b", 1}}, {{"a", "b"}}),
                       "Bpe: merge 0 (\"a\", \"b\"): \"ab\" is no token of the vocabulary",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(nn::Bpe({{"a", 0}}, {}, {.unk_token = "?"}),
                       "Bpe: the unk_token \"?\" is no token of the vocabulary", ArgumentError);
}

TEST_CASE("byte_level: 256 bytes are 256 characters, a space is \u0120, and all come back") {
  CHECK(nn::byte_level(" a\n") == "\u0120a\u010a");
  std::string bytes;
  for (int b = 0; b < 256; ++b) bytes += char(b);
  const std::string characters = nn::byte_level(bytes);
  CHECK_FALSE(nn::first_invalid_utf8(characters));
  CHECK(nn::bytes_of(characters) == bytes);
  CHECK(nn::bytes_of("two words") == "two words");
}

TEST_CASE("utf8: what is no sequence, what a stream holds back, and what stands in its place") {
  CHECK_FALSE(nn::first_invalid_utf8("a\u00e9\u4f60\U0001f600"));
  CHECK(nn::first_invalid_utf8("ab\xff") == size_t(2));
  for (const char* bad : {"\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xe4\xbd"})
    CHECK(nn::first_invalid_utf8(bad) == size_t(0));
  CHECK(nn::valid_utf8("a\xff\xe4\xbd!\u00e9") == "a\ufffd\ufffd!\u00e9");
  CHECK(nn::unfinished_utf8("a\xe4\xbd") == 2);
  CHECK(nn::unfinished_utf8("\xf0") == 1);
  CHECK(nn::unfinished_utf8("a\u4f60") == 0);
  CHECK(nn::unfinished_utf8("a\xff") == 0);
  CHECK(nn::unfinished_utf8("") == 0);
  std::string text;
  for (const char32_t p : {0x41, 0xe9, 0x4f60, 0x1f600}) nn::append_utf8(text, p);
  CHECK(text == "A\u00e9\u4f60\U0001f600");
}

TEST_CASE("SplitPattern: GPT-2's words, whose spaces stand before them") {
  std::vector<std::string> words;
  const nn::SplitPattern pattern(nn::kGpt2Pattern);
  pattern.split("It's  12 \u00e9t\u00e9s!\n\n x\xff\xffy", [&](auto w) { words.emplace_back(w); });
  CHECK(words == std::vector<std::string>{"It", "'s", " ", " 12", " \u00e9t\u00e9s", "!", "\n\n",
                                          " x", "\xff\xff", "y"});
  CHECK_THROWS_WITH_AS(nn::SplitPattern("(a"),
                       "SplitPattern: \"(a\" is not a regular expression (missing closing "
                       "parenthesis, behind byte 2)",
                       ArgumentError);
}

TEST_CASE("Tokenizer: Hugging Face's ids of 100 strings, and its texts") {
  const Tokenizer tokenizer = nn::load_tokenizer(golden());
  CHECK(tokenizer.size() == 643);
  size_t strings = 0;
  for (const auto& row : read_json(golden() / "strings.json")) {
    const auto text = row["text"].get<std::string>();
    ++strings;
    INFO("string ", strings, ": ", text);
    const auto ids = row["ids"].get<std::vector<int64_t>>();
    CHECK(tokenizer.encode(text) == ids);
    CHECK(nn::valid_utf8(tokenizer.decode(ids)) == row["all"].get<std::string>());
    CHECK(nn::valid_utf8(tokenizer.decode(ids, true)) == row["decoded"].get<std::string>());
  }
  CHECK(strings == 100);
}

TEST_CASE("Tokenizer: any bytes come back") {
  const Tokenizer tokenizer = nn::load_tokenizer(golden());
  std::string bytes;
  for (int i = 0; i < 4096; ++i) bytes += char(i * 7919 >> 3);
  CHECK(tokenizer.decode(tokenizer.encode(bytes)) == bytes);
  CHECK(tokenizer.encode("").empty());
}

TEST_CASE("Tokenizer: saved and loaded it is the same, also from vocab.json and merges.txt") {
  const TemporaryFolder folder;
  const Tokenizer tokenizer = nn::load_tokenizer(golden());
  nn::save_tokenizer(tokenizer, folder.path());
  const Tokenizer again = nn::load_tokenizer(folder.path());
  fs::create_directory(folder.path() / "copy");
  nn::copy_tokenizer(folder.path(), folder.path() / "copy");
  fs::remove(folder.path() / "copy/tokenizer.json");
  const Tokenizer older = nn::load_tokenizer(folder.path() / "copy");
  for (const auto& row : read_json(golden() / "strings.json")) {
    const auto text = row["text"].get<std::string>();
    CHECK(again.encode(text) == row["ids"].get<std::vector<int64_t>>());
    CHECK(older.decode(older.encode(text)) == text);
  }
  CHECK(older.encode("The lazy dog<|endoftext|>") == again.encode("The lazy dog<|endoftext|>"));
  CHECK(again.roles().eos == 0);
  CHECK(older.roles().eos == 0);
  CHECK(again.is_special(0));
  CHECK(again.id("<left>") == 640);
}

TEST_CASE("Tokenizer: a space before the first word, and what a template adds") {
  Tokenizer::Parts parts = nn::load_tokenizer(golden()).parts();
  const std::vector<int64_t> spaced = Tokenizer(parts).encode(" dog");
  parts.add_prefix_space = true;
  parts.before = {0};
  std::vector<int64_t> want = spaced;
  want.insert(want.begin(), 0);
  CHECK(Tokenizer(parts).encode("dog") == want);
  CHECK(Tokenizer(parts).encode(" dog") == want);
}

TEST_CASE("train_tokenizer: Hugging Face's BpeTrainer on the same text, token by token") {
  const std::string text = read_file(golden() / "text.txt");
  const std::string_view texts[] = {text};
  const Tokenizer tokenizer = nn::train_tokenizer(texts, {.vocab_size = 640, .min_frequency = 2});
  const auto want = read_json(golden() / "vocab.json").get<nn::Vocabulary>();
  CHECK(tokenizer.parts().bpe.vocabulary() == want);
  nn::Merges merges;
  const nlohmann::json file = read_json(golden() / "tokenizer.json");
  for (const auto& pair : file["model"]["merges"]) merges.emplace_back(pair[0], pair[1]);
  CHECK(tokenizer.parts().bpe.merges() == merges);
  CHECK(tokenizer.roles().eos == 0);
  CHECK_THROWS_WITH_AS(nn::train_tokenizer(texts, {.vocab_size = 256}),
                       "train_tokenizer: expected a vocab_size of at least 257 (the special tokens "
                       "and 256 bytes), got 256",
                       ArgumentError);
  CHECK(nn::train_tokenizer({}, {.vocab_size = 400}).size() == 257);
}

TEST_CASE("load_tokenizer: what is broken, or would give other ids, is named with its place") {
  const TemporaryFolder folder;
  const auto with = [&](const std::string& key, const nlohmann::json& value,
                        bool in_model = false) {
    nlohmann::json file = read_json(golden() / "tokenizer.json");
    (in_model ? file["model"] : file)[key] = value;
    write_file_atomically(folder.path() / "tokenizer.json", file.dump());
    try {
      nn::load_tokenizer(folder.path());
    } catch (const FileError& e) {
      const std::string where = folder.path().string() + "/tokenizer.json: ", what = e.what();
      CHECK(what.starts_with(where));
      return what.substr(std::min(what.size(), where.size()));
    }
    return std::string("read");
  };
  CHECK(with("version", "1.0") == "read");
  CHECK(with("normalizer", {{"type", "NFC"}}) ==
        "normalizer: expected null, or CLIP's, got {\"type\":\"NFC\"}");
  CHECK(with("pre_tokenizer", {{"type", "Whitespace"}}) ==
        "pre_tokenizer: type: expected ByteLevel, got \"Whitespace\"");
  CHECK(with("type", "WordPiece", true) == "model: type: expected BPE, got \"WordPiece\"");
  CHECK(with("byte_fallback", true, true) == "model: byte_fallback: expected false, got true");
  CHECK(with("vocab", {{"a", "b"}}, true) == "model: vocab: \"a\": expected a number, got \"b\"");
  CHECK(with("merges", {"a"}, true) ==
        "model: merges, entry 0: expected two tokens with a space between, got \"a\"");
  CHECK(with("merges", {"x yz"}, true) ==
        "Bpe: merge 0 (\"x\", \"yz\"): \"yz\" is no token of the vocabulary");
  CHECK(with("added_tokens", {{{"id", 5}, {"content", "<x>"}}})
            .starts_with("Tokenizer: the added token \"<x>\" has the id 5 of \""));
  CHECK(with("added_tokens", {{{"id", 999999999}, {"content", "<x>"}}}) ==
        "Tokenizer: the added token \"<x>\" has the id 999999999, of 642 tokens");
  CHECK_THROWS_WITH_AS(nn::load_tokenizer(golden().parent_path()),
                       (golden().parent_path().string() +
                        ": holds neither tokenizer.json nor vocab.json and merges.txt")
                           .c_str(),
                       FileError);
  const TemporaryFolder broken;
  const auto refused = [&](const char* file, const std::string& bytes, const char* message) {
    write_bytes(broken / file, bytes);
    CHECK_THROWS_WITH_AS(nn::load_tokenizer(broken.path()),
                         ((broken / file).string() + message).c_str(), FileError);
  };
  write_bytes(broken / "vocab.json", R"({"a": 0})");
  refused("merges.txt", "\x1f\x8b\x08", ": is gzip data, expected text in UTF-8");
  refused("merges.txt", "a b\xff", ": byte 3 is not UTF-8");
  refused("tokenizer.json", "\x1f\x8b\x08", ": is gzip data, expected JSON");
  refused("tokenizer.json", "<html>", ": is an HTML page, expected JSON");
}

}  // namespace papilio::test
