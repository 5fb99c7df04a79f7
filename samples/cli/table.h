// Aligned columns of text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace papilio::cli {

// Rows of equal length, the first one the headings. Columns from `right_from` on are aligned to the
// right. Ends with a newline.
std::string table(const std::vector<std::vector<std::string>>& rows, size_t right_from = 1);

// 0.97666 -> "97.7 %"
std::string percent(double fraction);
// 1234567 -> "1,234,567"
std::string with_commas(int64_t n);
// A number with so many significant digits: "0.0312", "1.2e-06".
std::string short_number(double value, int digits = 3);

}  // namespace papilio::cli
