#include "nn/text/utf8.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/files/detail/file_format.h"

namespace papilio::nn {

namespace {

// Bytes of the sequence that this one begins; 0 for bytes that begin none.
size_t expected_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

// May this be byte i > 0 of the sequence that begins with `first`? The second bytes that are too
// small are overlong forms, those too large surrogates and values beyond U+10FFFF.
bool continues(unsigned char first, size_t i, unsigned char byte) {
  unsigned char least = 0x80, most = 0xbf;
  if (i == 1) {
    if (first == 0xe0) least = 0xa0;
    if (first == 0xed) most = 0x9f;
    if (first == 0xf0) least = 0x90;
    if (first == 0xf4) most = 0x8f;
  }
  return byte >= least && byte <= most;
}

// How many bytes at text[at] go with its first one, and whether they are a whole sequence.
struct Prefix {
  size_t bytes;
  bool whole;
};
Prefix prefix_at(std::string_view text, size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const size_t length = expected_length(first);
  if (length == 0) return {1, false};
  size_t i = 1;
  while (i < length && at + i < text.size() &&
         continues(first, i, static_cast<unsigned char>(text[at + i])))
    ++i;
  return {i, i == length};
}

}  // namespace

size_t utf8_length(std::string_view text, size_t at) {
  const Prefix prefix = prefix_at(text, at);
  return prefix.whole ? prefix.bytes : 0;
}

char32_t utf8_code_point(std::string_view text, size_t at, size_t length) {
  const auto byte = [&](size_t i) { return char32_t(static_cast<unsigned char>(text[at + i])); };
  if (length == 1) return byte(0);
  char32_t point = byte(0) & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) point = point << 6 | (byte(i) & 0x3f);
  return point;
}

void append_utf8(std::string& text, char32_t p) {
  const auto rest = [&](int shift) { text += char(0x80 | (p >> shift & 0x3f)); };
  if (p < 0x80) {
    text += char(p);
  } else if (p < 0x800) {
    text += char(0xc0 | p >> 6), rest(0);
  } else if (p < 0x10000) {
    text += char(0xe0 | p >> 12), rest(6), rest(0);
  } else {
    text += char(0xf0 | p >> 18), rest(12), rest(6), rest(0);
  }
}

bool is_white_space(char32_t p) {
  return (p >= 0x9 && p <= 0xd) || p == 0x20 || p == 0x85 || p == 0xa0 || p == 0x1680 ||
         (p >= 0x2000 && p <= 0x200a) || p == 0x2028 || p == 0x2029 || p == 0x202f || p == 0x205f ||
         p == 0x3000;
}

std::optional<size_t> first_invalid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return {};
}

void check_utf8(std::string_view text, const std::string& where) {
  const auto broken = first_invalid_utf8(text);
  if (!broken) return;
  const std::string format = format_of(text);
  check<FileError>(format.empty(), where, ": is ", format, ", expected text in UTF-8");
  throw FileError(str(where, ": byte ", *broken, " is not UTF-8"));
}

std::string valid_utf8(std::string_view text) {
  std::string valid;
  for (size_t at = 0; at < text.size();) {
    const Prefix prefix = prefix_at(text, at);
    valid += prefix.whole ? text.substr(at, prefix.bytes) : std::string_view("\xef\xbf\xbd");
    at += prefix.bytes;
  }
  return valid;
}

size_t unfinished_utf8(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const size_t at = text.size() - back;
    const size_t length = expected_length(static_cast<unsigned char>(text[at]));
    if (length > 0) return length > back && prefix_at(text, at).bytes == back ? back : 0;
  }
  return 0;
}

}  // namespace papilio::nn
