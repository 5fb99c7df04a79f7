#include "nn/data/batch_source.h"

#include <cstddef>
#include <numeric>

namespace papilio::nn {

Batch whole_batch(const BatchSource& source) {
  std::vector<int64_t> positions(static_cast<size_t>(source.size()));
  std::iota(positions.begin(), positions.end(), int64_t(0));
  Generator generator(0);
  return source.batch(positions, generator);
}

}  // namespace papilio::nn
