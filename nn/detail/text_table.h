// Aligned columns, numbers and lists as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace papilio::nn {

// Rows of equal length, the first one the headings. Columns from `right_from` on are aligned to the
// right. Ends with a newline.
std::string table(const std::vector<std::vector<std::string>>& rows, size_t right_from = 1);

// 1234567 -> "1,234,567"
std::string with_commas(int64_t n);
// (1, "picture") -> "1 picture", (1200, "picture") -> "1,200 pictures"
std::string counted(int64_t n, const char* what);

// "a, b, c"; of more than `most` names the first ones "and 5 more".
std::string listed(const std::vector<std::string>& names, size_t most = SIZE_MAX);

}  // namespace papilio::nn
