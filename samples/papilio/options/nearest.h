// What somebody who mistyped probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace papilio::cli {

// The candidate with the fewest insertions, deletions, replacements and swaps of neighbours; empty
// if all are far away.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
// "; did you mean x?", or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace papilio::cli
