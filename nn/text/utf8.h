// UTF-8: code points in and out, and what bytes are none.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace papilio::nn {

// Bytes of the sequence that begins at text[at]; 0 if it is none: a stray or missing continuation,
// an overlong form, a surrogate, a value beyond U+10FFFF.
size_t utf8_length(std::string_view text, size_t at);
// The code point there, whose sequence has `length` bytes.
char32_t utf8_code_point(std::string_view text, size_t at, size_t length);
// Adds the sequence of a code point.
void append_utf8(std::string& text, char32_t code_point);
// Has the code point Unicode's property White_Space?
bool is_white_space(char32_t code_point);

// The first byte that belongs to no sequence; nothing if all do.
std::optional<size_t> first_invalid_utf8(std::string_view text);
// Throws FileError for a file's text that is not UTF-8: "WHERE: is gzip data, expected text in
// UTF-8" if another format has a name for it, else "WHERE: byte 7 is not UTF-8".
void check_utf8(std::string_view text, const std::string& where);
// The text with U+FFFD for each byte, or run of bytes, that is no UTF-8.
std::string valid_utf8(std::string_view text);
// How many bytes at the end begin a sequence that is not complete: what a stream holds back.
size_t unfinished_utf8(std::string_view text);

}  // namespace papilio::nn
