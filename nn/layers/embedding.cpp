#include "nn/layers/embedding.h"

#include "autograd/backward.h"
#include "autograd/ops/index.h"
#include "tensor/random.h"

namespace papilio::nn {

Embedding::Embedding(int64_t count, int64_t dim) : weight(leaf(randn({count, dim}))) {}

Tensor Embedding::operator()(const Tensor& indices) {
  return embedding(weight, indices);
}

void Embedding::visit(Visitor& v) {
  v("weight", weight);
}

std::string Embedding::describe() const {
  return str("Embedding(", weight.size(0), ", ", weight.size(1), ")");
}

}  // namespace papilio::nn
