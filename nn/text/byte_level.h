// GPT-2's way of writing bytes as characters that can be seen, so that a vocabulary is text: each
// of the 256 bytes has a code point of its own ("Ġ" is a space).
#pragma once

#include <string>
#include <string_view>

namespace papilio::nn {

// Any bytes as such characters, in UTF-8.
std::string byte_level(std::string_view bytes);
// The way back. Text with a character that stands for no byte is taken as it is, as Hugging Face
// does.
std::string bytes_of(std::string_view characters);

}  // namespace papilio::nn
