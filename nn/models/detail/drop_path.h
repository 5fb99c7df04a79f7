// Stochastic depth over a model's layers.
#pragma once

#include <cstdint>

namespace papilio::nn {

// How much of a model's drop path rate its layer i of `layers` has: from 0 at the first, linearly,
// to 1 at the last. `alone`: that of a single layer.
inline double drop_path_share(int64_t i, int64_t layers, double alone) {
  return layers > 1 ? double(i) / double(layers - 1) : alone;
}

}  // namespace papilio::nn
