#include "boft/methods/boft.h"

#include <cstdint>
#include <string>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/ops/boft_linear.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/butterfly_shape.h"
#include "boft/ops/cayley.h"
#include "boft/ops/multiplicative_dropout.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::boft {

BoftLayer::BoftLayer(const std::string& path, const nn::AdaptableLayer& layer,
                     const BoftConfig& config)
    : dropout(config.boft_dropout) {
  config.validate();
  const int64_t d = layer.adapted_inputs(), out = layer.adapted_outputs();
  const ButterflyShape shape = butterfly_shape(
      path, d, config.boft_block_size, config.boft_block_num, config.boft_n_butterfly_factor);
  const Dims r = shape.factors();
  const Dims s = layer.weight.dim() == 2 ? Dims{out, 1} : Dims{1, out};
  boft_R = leaf(config.init_weights ? zeros(r) : normal(r, 0, 0.1));
  boft_s = leaf(config.init_weights ? ones(s) : normal(s, 1, 0.1));
}

Tensor BoftLayer::rotations(bool training) const {
  return multiplicative_dropout(cayley(boft_R), dropout, training, default_generator());
}

Tensor BoftLayer::weight(const Tensor& w, bool training) {
  const DType dtype = working_dtype(w.dtype(), boft_R.dtype());
  const Tensor q = cast(rotations(training), dtype), s = cast(reshape(boft_s, {-1, 1}), dtype);
  return cast(butterfly_rotation_transposed(cast(w, dtype), q) * s, w.dtype());
}

Tensor BoftLayer::linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) {
  const DType dtype = working_dtype(x.dtype(), boft_R.dtype());
  const Tensor q = cast(rotations(training), dtype), s = cast(reshape(boft_s, {-1, 1}), dtype);
  if (const Tensor w = inside.base(); w && w.dtype() == dtype) return boft_linear(x, w, bias, q, s);
  const Tensor rotated = cast(butterfly_rotation(cast(x, dtype), q), x.dtype());
  // s o (y - bias) + bias, so arranged that s = 1 leaves every bit of y in 16 bits too.
  const Tensor inner = inside.linear(rotated, bias), scale = reshape(s, {-1});
  const Tensor y = cast(inner, dtype) * scale;
  return cast(bias ? y + cast(bias, dtype) * (1 - scale) : y, inner.dtype());
}

void BoftLayer::visit(nn::Visitor& v) {
  v("boft_R", boft_R);
  v("boft_s", boft_s);
}

std::string BoftLayer::describe() const {
  return str("BOFT(b = ", block_size(), ", N = ", block_num(), ", m = ", butterfly_factors(), ")");
}

}  // namespace papilio::boft
