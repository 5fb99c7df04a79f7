// Numbers as text, and tables of them.
#pragma once

#include <cstddef>
#include <string>

#include "nn/detail/text_table.h"

namespace papilio::cli {

using nn::counted;
using nn::table;
using nn::with_commas;

// 0.97666 -> "97.7 %"
std::string percent(double fraction);
// 6.4e9 -> "6.4 GB", 12345678 -> "12.3 MB"
std::string bytes_text(size_t bytes);
// A number with so many significant digits: "0.0312", "1.2e-06".
std::string short_number(double value, int digits = 3);

}  // namespace papilio::cli
