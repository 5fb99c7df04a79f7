#include "nn/text/byte_level.h"

#include <array>
#include <cstddef>
#include <map>

#include "nn/text/utf8.h"

namespace papilio::nn {

namespace {

struct Table {
  std::array<std::string, 256> character;
  std::map<char32_t, char> byte;

  // Bytes that Latin-1 shows stand for themselves, the others, in order, for U+0100, U+0101, ...
  Table() {
    char32_t next = 0x100;
    for (char32_t b = 0; b < 256; ++b) {
      const bool shown = (b > ' ' && b <= '~') || (b >= 0xa1 && b <= 0xff && b != 0xad);
      const char32_t point = shown ? b : next++;
      append_utf8(character[b], point);
      byte[point] = char(b);
    }
  }
};

const Table& table() {
  static const Table instance;
  return instance;
}

}  // namespace

std::string byte_level(std::string_view bytes) {
  std::string characters;
  for (const char b : bytes) characters += table().character[static_cast<unsigned char>(b)];
  return characters;
}

std::string bytes_of(std::string_view characters) {
  std::string bytes;
  for (size_t at = 0; at < characters.size();) {
    const size_t length = utf8_length(characters, at);
    const auto found = length == 0 ? table().byte.end()
                                   : table().byte.find(utf8_code_point(characters, at, length));
    if (found == table().byte.end()) return std::string(characters);
    bytes += found->second;
    at += length;
  }
  return bytes;
}

}  // namespace papilio::nn
