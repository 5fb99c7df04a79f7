#include "nn/layers/conv1d.h"

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/ops/linear.h"
#include "autograd/ops/shape.h"
#include "nn/init.h"

namespace papilio::nn {

Conv1D::Conv1D(int64_t out_features, int64_t in_features) : bias(zero_parameter({out_features})) {
  weight = zero_parameter({in_features, out_features});
  normal_(weight, 0.02);
}

Tensor Conv1D::operator()(const Tensor& x) {
  const std::vector<Adapter*> working = adapters.working();
  if (quantized) return AdaptedWeight(quantized, working).linear(x, bias);
  return AdaptedWeight(to_matrix(weight), working).linear(x, bias);
}

Tensor Conv1D::to_matrix(const Tensor& w) const {
  return transpose(w, 0, 1);
}

Tensor Conv1D::from_matrix(const Tensor& w) const {
  return contiguous(transpose(w, 0, 1));
}

void Conv1D::visit(Visitor& v) {
  visit_weight(v);
  v("bias", bias);
  adapters.visit(v);
}

std::string Conv1D::describe() const {
  return str("Conv1D(", in_features(), " -> ", out_features(),
             quantized ? str(", ", name_of(quantized.kind)) : "", ")");
}

}  // namespace papilio::nn
