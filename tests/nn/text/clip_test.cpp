#include "nn/text/clip.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/text/tokenizer_files.h"
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

}  // namespace papilio::test
