// The half of compare_tokenizer.py that runs here.
//
//   papilio_tokens FOLDER TEXTS OUT    TEXTS: a JSON list of strings, or lists of bytes; OUT: their
//   ids
//
// All of them come back from their ids as they were.
#include <cstdint>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/text/tokenizer_files.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/json.h"

namespace {

std::string bytes_of(const nlohmann::json& text) {
  if (text.is_string()) return text.get<std::string>();
  const auto bytes = text.get<std::vector<uint8_t>>();
  return {bytes.begin(), bytes.end()};
}

}  // namespace

int main(int count, char** words) {
  using namespace papilio;
  try {
    check(count == 4, "papilio_tokens FOLDER TEXTS OUT");
    const nn::Tokenizer tokenizer = nn::load_tokenizer(words[1]);
    nlohmann::json ids = nlohmann::json::array();
    for (const auto& text : read_json(words[2])) {
      const std::string bytes = bytes_of(text);
      const auto encoded = tokenizer.encode(bytes);
      check(tokenizer.decode(encoded) == bytes, "does not come back: ", text.dump());
      ids.push_back(encoded);
    }
    write_file_atomically(words[3], ids.dump());
    return 0;
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
