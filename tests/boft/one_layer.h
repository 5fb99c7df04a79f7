// A model of one layer that adapters plug into, and what the method says its adapted weight is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/model/model.h"
#include "boft/ops/cayley.h"
#include "tensor/copy.h"
#include "tensor/random.h"
#include "tests/boft/dense.h"

namespace papilio::test {

template <class Layer>
struct OneLayer : nn::Module {
  Layer layer;

  template <class... Arguments>
  explicit OneLayer(Arguments&&... arguments) : layer(std::forward<Arguments>(arguments)...) {
    for (const auto& [name, tensor] : nn::named_parameters(*this))
      copy_(*tensor, normal(tensor->shape(), 0, 0.5));
  }
  Tensor operator()(const Tensor& x) { return layer(x); }
  void visit(nn::Visitor& v) override { v("layer", layer); }
  std::string describe() const override { return "OneLayer"; }

  boft::BoftLayer& boft(const std::string& name) {
    return dynamic_cast<boft::BoftLayer&>(*layer.adapters.find(name));
  }
};

// What it computes in evaluation, without a graph.
template <class Layer>
std::vector<double> outputs(OneLayer<Layer>& model, const Tensor& x) {
  const NoGrad no_grad;
  nn::eval(model);
  return model(cast(x, model.layer.weight.dtype())).template to_vector<double>();
}

inline Matrix dense_rotation(const boft::BoftLayer& adapter) {
  return dense_rotation(cayley(copy_of(adapter.boft_R, DType::float64)));
}

// s o (W R^T) in float64. w: (out, d)
inline Matrix dense_adapted(const Matrix& w, const boft::BoftLayer& adapter) {
  Matrix result = w * transposed(dense_rotation(adapter));
  const auto s = adapter.boft_s.to_vector<double>();
  for (int64_t i = 0; i < result.rows; ++i) {
    for (int64_t j = 0; j < result.columns; ++j) result(i, j) *= s[size_t(i)];
  }
  return result;
}

}  // namespace papilio::test
