// The digits inside the program, and the ways the command line speaks of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/sources/digits.h"

namespace papilio::cli {

// All of them, in the file's order.
nn::Dataset all_digits();

// "0-4", "0,1,2", "0-2,7", "all" -> class numbers. Throws UsageError for anything else and for
// classes outside 0..count-1 or named twice.
std::vector<int64_t> parse_classes(const std::string& text, int64_t count);
// 0,1,2,7 -> "0-2,7"
std::string classes_text(const std::vector<int64_t>& classes);

// "3", "3-7" or "3,5-7" -> numbers below count, in the order given, for the option `name`.
std::vector<int64_t> parse_ranges(const std::string& name, const std::string& text, int64_t count,
                                  const std::string& what);

// "train", "validation", "test" or "all".
nn::Dataset split_of(const nn::Dataset& data, const std::string& split);

}  // namespace papilio::cli
