// Writing adapters into the weights.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "boft/model/attach.h"

namespace papilio::boft {

// Told about every step of something slow: done, of how many, the layer's path.
using Progress = std::function<void(size_t done, size_t total, const std::string& path)>;

// Throws ArgumentError if merging `names` would change the order in which the active adapters
// apply.
void check_merge_order(const std::vector<std::string>& names,
                       const std::vector<std::string>& active,
                       const std::vector<std::string>& merged);

// A quantised weight that was merged is quantised again: |W'' - W'| / |W'| in the norm of
// Frobenius.
struct MergeError {
  std::string path;
  double error;
};

// Merges these adapters in this order. safe: a result that is not finite throws. An error leaves
// every weight as it was. Returns what it did to quantised layers.
std::vector<MergeError> merge_layers(const std::vector<const Attached*>& adapters, bool safe,
                                     const Progress& progress);

}  // namespace papilio::boft
