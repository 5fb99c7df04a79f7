#include "nn/layers/timestep_embedding.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/ops/activation.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/join.h"
#include "autograd/ops/math.h"
#include "autograd/ops/shape.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::nn {

Tensor get_timestep_embedding(const Tensor& t, int64_t dim, const TimestepOptions& options) {
  constexpr const char* name = "get_timestep_embedding";
  check(t.defined() && t.dim() == 1, name, ": expected t of shape (N)");
  const int64_t half = dim / 2;
  check(half >= 1 && options.downscale_freq_shift < double(half), name,
        ": expected a dim of at least 2 and a downscale_freq_shift below dim / 2, got ", dim,
        " and ", options.downscale_freq_shift);
  std::vector<float> frequencies(static_cast<size_t>(half));
  const auto slope = float(-std::log(options.max_period));
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = slope * float(i) / float(double(half) - options.downscale_freq_shift);
    frequencies[i] = std::exp(exponent);
  }
  const Tensor at = copy_of(unsqueeze(copy_of(t.detach(), DType::float32), 1), t.device()) *
                    copy_of(tensor<float>(frequencies, {1, half}), t.device());
  const Tensor y =
      options.flip_sin_to_cos ? concat({cos(at), sin(at)}, 1) : concat({sin(at), cos(at)}, 1);
  return dim % 2 ? pad(y, {0, 1}) : y;
}

TimestepEmbedding::TimestepEmbedding(int64_t inputs, int64_t features)
    : linear_1(inputs, features), linear_2(features, features) {}

Tensor TimestepEmbedding::operator()(const Tensor& x) {
  return linear_2(silu(linear_1(x)));
}

void TimestepEmbedding::visit(Visitor& v) {
  v("linear_1", linear_1);
  v("linear_2", linear_2);
}

}  // namespace papilio::nn
