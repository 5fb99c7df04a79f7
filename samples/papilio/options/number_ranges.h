// Numbers as the command line lists them: 0-2,7.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace papilio::cli {

// "3", "3-7" or "3,5-7" -> numbers below count, in the order given, for the option `name`. Throws
// UsageError for anything else and for a number (of a `what`) that is out of range or named twice.
std::vector<int64_t> parse_ranges(const std::string& name, const std::string& text, int64_t count,
                                  const std::string& what);

// "0-4", "0,1,2", "0-2,7", "all" -> class numbers. Throws UsageError as parse_ranges does.
std::vector<int64_t> parse_classes(const std::string& text, int64_t count);
// 0,1,2,7 -> "0-2,7"
std::string classes_text(const std::vector<int64_t>& classes);

}  // namespace papilio::cli
