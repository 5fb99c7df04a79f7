#include "nn/text/clip.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "nn/text/tokenizer_files.h"
#include "nn/text/train_bpe.h"
#include "tensor/files/detail/json.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;
using nlohmann::json;

TEST_CASE("CLIP's tokenizer: the ids of Hugging Face's for 200 strings of many scripts") {
  const json rows = read_json(golden_diffusion("tokens.json"));
  CHECK(rows.size() == 200);
  // Once from tokenizer.json, and once from the files that older programs write.
  const TemporaryFolder older;
  for (const char* name : {"vocab.json", "merges.txt", "tokenizer_config.json"})
    fs::copy_file(golden_diffusion("sd15/tokenizer") / name, older / name);
  for (const fs::path& folder : {golden_diffusion("sd15/tokenizer"), older.path()}) {
    CAPTURE(folder.string());
    const nn::Tokenizer tokenizer = nn::load_tokenizer(folder);
    for (const json& row : rows) {
      const auto text = row.at("text").get<std::string>();
      CAPTURE(text);
      CHECK(tokenizer.encode(text) == row.at("ids").get<std::vector<int64_t>>());
    }
  }
}

TEST_CASE("CLIP's normal form: white space as one space, composed, lower case") {
  CHECK(nn::normalize_for_clip("  A\t\u00a0\u3000Red\n\n CAFE\u0301 ") == " a red caf\u00e9 ");
  CHECK(nn::normalize_for_clip("") == "");
}

TEST_CASE("CLIP's tokenizer: begin and end around every text, an empty one too") {
  const nn::Tokenizer tokenizer = nn::load_tokenizer(golden_diffusion("sd15/tokenizer"));
  const int64_t bos = *tokenizer.roles().bos, eos = *tokenizer.roles().eos;
  CHECK(tokenizer.token(bos) == "<|startoftext|>");
  CHECK(tokenizer.token(eos) == "<|endoftext|>");
  CHECK(tokenizer.encode("") == std::vector<int64_t>{bos, eos});
  CHECK(tokenizer.encode("A  Red\nCIRCLE") == tokenizer.encode("a red circle"));
  CHECK(tokenizer.token(tokenizer.encode("red")[1]) == "red</w>");
}

TEST_CASE("train_clip_tokenizer: words of the captions become tokens; its files give it back") {
  const std::vector<std::string_view> texts{"A red circle", "a red  square",
                                            "the Red circle, blue"};
  const nn::Tokenizer tokenizer = nn::train_clip_tokenizer(texts, 540);
  CHECK(tokenizer.size() <= 540);
  CHECK(tokenizer.token(0) == "!");
  CHECK(tokenizer.token(256) == "!</w>");
  CHECK(tokenizer.token(512) == "ed</w>");
  CHECK(tokenizer.token(tokenizer.size() - 1) == "<|endoftext|>");
  CHECK(tokenizer.token(tokenizer.size() - 2) == "<|startoftext|>");
  const auto ids = tokenizer.encode("red circle");
  REQUIRE(ids.size() == 4);
  CHECK(ids[0] == tokenizer.size() - 2);
  CHECK(tokenizer.token(ids[1]) == "red</w>");
  CHECK(tokenizer.token(ids[2]) == "circle</w>");
  CHECK(ids[3] == *tokenizer.roles().pad);
  CHECK(tokenizer.encode("RED\n circle") == ids);
  const TemporaryFolder folder;
  nn::save_tokenizer(tokenizer, folder.path());
  const nn::Tokenizer again = nn::load_tokenizer(folder.path());
  for (const char* text : {"a red circle", "one purple dog's, 12", "", "\xc3\xa9t\xc3\xa9"})
    CHECK(again.encode(text) == tokenizer.encode(text));
  CHECK(again.roles().pad == tokenizer.roles().pad);
  CHECK_THROWS_WITH_AS(nn::train_clip_tokenizer(texts, 513),
                       doctest::Contains("expected a vocab_size of at least 514"), ArgumentError);
}

}  // namespace papilio::test
