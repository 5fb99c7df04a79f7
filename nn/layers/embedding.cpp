#include "nn/layers/embedding.h"

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/ops/index.h"
#include "autograd/ops/shape.h"
#include "nn/init.h"

namespace papilio::nn {

Embedding::Embedding(int64_t count, int64_t dim) {
  weight = zero_parameter({count, dim});
  normal_(weight, 1);
}

Tensor Embedding::operator()(const Tensor& indices) {
  Tensor rows = embedding(weight, indices);
  const std::vector<Adapter*> working = adapters.working();
  if (working.empty()) return rows;
  const Tensor matrix = reshape(rows, {indices.numel(), weight.size(1)});
  return reshape(AdaptedWeight(matrix, working).weight(training), rows.shape());
}

void Embedding::visit(Visitor& v) {
  v("weight", weight);
  adapters.visit(v);
}

std::string Embedding::describe() const {
  return str("Embedding(", weight.size(0), ", ", weight.size(1), ")");
}

}  // namespace papilio::nn
