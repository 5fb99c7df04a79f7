// Batches of samples that lie in memory as a model takes them.
#pragma once

#include <string>
#include <vector>

#include "nn/data/batch_source.h"

namespace papilio::nn {

// images: (N, C, H, W) float32 on the CPU, labels: (N) int64, indices into class_names. Throws
// ArgumentError for other shapes, dtypes and labels.
Batches batches_of(const Tensor& images, const Tensor& labels,
                   std::vector<std::string> class_names);

}  // namespace papilio::nn
