#include "boft/layer.h"

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
  // The adapter works in its own float32 whatever the weight's dtype.
  const Tensor rows = cast(w, boft_R.dtype());
  const Tensor rotated = butterfly_rotation_transposed(rows, rotations(training));
  return cast(rotated * reshape(boft_s, {-1, 1}), w.dtype());
}

Tensor BoftLayer::linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) {
  const Tensor q = rotations(training);
  const Tensor s = reshape(boft_s, {-1, 1});
  if (const Tensor w = inside.base(); w && w.dtype() == q.dtype())
    return boft_linear(x, w, bias, q, s);
  const Tensor rotated = cast(butterfly_rotation(cast(x, q.dtype()), q), x.dtype());
  const Tensor y = inside.linear(rotated, {}) * cast(reshape(s, {-1}), x.dtype());
  return bias ? y + bias : y;
}

void BoftLayer::visit(nn::Visitor& v) {
  v("boft_R", boft_R);
  v("boft_s", boft_s);
}

std::string BoftLayer::describe() const {
  return str("BOFT(b = ", block_size(), ", N = ", block_num(), ", m = ", butterfly_factors(), ")");
}

}  // namespace papilio::boft
