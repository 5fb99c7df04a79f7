// Two texts of lines "key = value" or "key: value", as ranks and checkpoints compare them.
#pragma once

#include <optional>
#include <string>

namespace papilio::nn {

// What one text says of a key, and what the other; empty if it has no such line.
struct LineDifference {
  std::string own, other;
};

// The first line of `own` whose counterpart in `other`, by its key, differs or is missing, else the
// first line that `other` alone has; lines without a key, and those in another order, by their
// place. Nothing if the texts are the same.
std::optional<LineDifference> line_difference(const std::string& own, const std::string& other);

}  // namespace papilio::nn
