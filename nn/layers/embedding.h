// Embedding: a vector for each index.
#pragma once

#include <cstdint>
#include <string>

#include "nn/adapter.h"

namespace papilio::nn {

// Row lookup. indices: int64 of any shape (...) -> (..., dim); weight: (count, dim) ~ N(0, 1).
// Adapters plug in: they change the rows looked up.
struct Embedding : AdaptableLayer {
  Embedding(int64_t count, int64_t dim);
  Tensor operator()(const Tensor& indices);
  Kind kind() const override { return Kind::embedding; }
  void visit(Visitor& v) override;
  std::string describe() const override;
};

}  // namespace papilio::nn
