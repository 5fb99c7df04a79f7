// Tensors in an adapter's file that nothing takes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "boft/methods/adapter.h"

namespace papilio::boft {

struct UnusedKeys {
  std::vector<std::string> weights;  // without them the adapter computes something else
  // Explained: an old release's permutation, integers, dtypes that are not supported under names
  // that no layer's parameters have.
  std::vector<std::string> others;
};

// mine: what the model's adapter takes; unsupported: the file's tensors of other dtypes, dtype by
// key.
UnusedKeys unused_keys(const Tensors& mine, const Tensors& tensors,
                       const std::map<std::string, std::string>& unsupported);

}  // namespace papilio::boft
