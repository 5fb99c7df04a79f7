#include "boft/methods/oft.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/methods/boft.h"
#include "boft/ops/boft_linear.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/cayley.h"
#include "boft/ops/cayley_neumann.h"
#include "boft/ops/multiplicative_dropout.h"
#include "boft/ops/skew_symmetric.h"
#include "nn/layers/embedding.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::boft {

namespace {

// The divisor of d nearest to n, the lower of two; d for n > d.
int64_t nearest_divisor(int64_t d, int64_t n) {
  n = std::min(n, d);
  for (int64_t distance = 0;; ++distance) {
    for (const int64_t candidate : {n - distance, n + distance})
      if (candidate >= 1 && d % candidate == 0) return candidate;
  }
}

}  // namespace

OftShape oft_shape(const std::string& path, int64_t d, const OftConfig& config,
                   std::vector<std::string>& warnings) {
  config.validate();
  check(d >= 1, path, ": has no inputs to rotate");
  const bool by_size = config.oft_block_size != 0;
  const int64_t wanted = by_size ? config.oft_block_size : config.r;
  const int64_t got = nearest_divisor(d, wanted);
  if (got != wanted) {
    const char* field = by_size ? "oft_block_size" : "r";
    warnings.push_back(
        str(path, ": invalid ", field, " ", wanted, " for ", d, " inputs; adjusted to ", got));
  }
  return by_size ? OftShape{d / got, got} : OftShape{got, d / got};
}

OftLayer::OftLayer(const std::string& path, const nn::AdaptableLayer& layer,
                   const OftConfig& config_, std::vector<std::string>& warnings)
    : config(config_),
      shape_(oft_shape(path, layer.adapted_inputs(), config_, warnings)),
      embedding_(dynamic_cast<const nn::Embedding*>(&layer) != nullptr) {
  const int64_t b = shape_.block_size;
  const Dims shape{config.block_share ? 1 : shape_.blocks, b * (b - 1) / 2};
  oft_R = leaf(config.init_weights ? zeros(shape) : normal(shape, 0, 0.1));
}

Tensor OftLayer::rotations(bool training) {
  if (config.coft) clip_blocks(oft_R.detach(), config.eps);
  const int64_t b = block_size();
  const Tensor a = skew_symmetric(oft_R, b);
  const Tensor q =
      config.use_cayley_neumann ? cayley_neumann(a, config.num_cayley_neumann_terms) : cayley(a);
  const Tensor factor = reshape(q, {1, q.size(0), b, b});
  if (config.block_share) return expand(factor, {1, block_num(), b, b});
  return multiplicative_dropout(factor, config.module_dropout, training);
}

Tensor OftLayer::weight(const Tensor& w, bool training) {
  const DType dtype = working_dtype(w.dtype(), oft_R.dtype());
  const Tensor rows = cast(w, dtype), q = cast(rotations(training), dtype);
  return cast(embedding_ ? butterfly_rotation(rows, q) : butterfly_rotation_transposed(rows, q),
              w.dtype());
}

Tensor OftLayer::linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) {
  const DType dtype = working_dtype(x.dtype(), oft_R.dtype());
  const Tensor q = cast(rotations(training), dtype);
  // boft_linear takes orthogonal factors only, which the series is not.
  if (const Tensor w = inside.base(); w && w.dtype() == dtype && !config.use_cayley_neumann)
    return boft_linear(x, w, bias, q, ones({w.size(0), 1}, {dtype, x.device()}));
  return inside.linear(cast(butterfly_rotation(cast(x, dtype), q), x.dtype()), bias);
}

void OftLayer::visit(nn::Visitor& v) {
  v(embedding_ ? "oft_embedding_R" : "oft_R", oft_R);
}

std::string OftLayer::describe() const {
  return str("OFT(b = ", block_size(), ", N = ", block_num(), config.block_share ? ", shared" : "",
             config.coft ? ", constrained" : "",
             config.use_cayley_neumann
                 ? str(", Cayley-Neumann with ", config.num_cayley_neumann_terms, " terms)")
                 : std::string(", Cayley)"));
}

void clip_blocks(const Tensor& upper, double eps) {
  const NoGrad no_grad;
  const double most = eps / std::sqrt(double(upper.size(0)));
  // |A|^2 counts every entry of the triangle twice.
  const Tensor norm = sqrt(2 * sum(upper * upper, {-1}, true));
  const Tensor over = gt(norm, most);
  // A device is not asked: the answer would have to be waited for.
  if (upper.device().is_cpu() && sum(cast(over, DType::float32)).item<double>() == 0) return;
  copy_(upper, where(over, upper * (most / norm), upper));
}

}  // namespace papilio::boft
