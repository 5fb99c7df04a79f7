// What --data may name, as --help and errors say it.
#pragma once

#include <string>

namespace papilio::cli {

// Pictures, out of the table of sources: "digits (built in); a folder of ...".
std::string data_kinds();

// What a language model takes.
inline constexpr const char* kTextSources =
    "a text: a file of UTF-8, a .jsonl, a folder of .txt and .jsonl, or a .safetensors file of "
    "tokens";

}  // namespace papilio::cli
