#include "nn/layers/timestep_embedding.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "autograd/ops/activation.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/join.h"
#include "autograd/ops/math.h"
#include "autograd/ops/shape.h"
#include "kernels/timestep_embedding.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio::nn {

namespace {

TimestepFrequencies frequencies_of(const Tensor& t, int64_t dim, const TimestepOptions& options) {
  constexpr const char* name = "get_timestep_embedding";
  check(t.defined() && t.dim() == 1, name, ": expected t of shape (N)");
  const int64_t half = dim / 2;
  check(half >= 1 && options.downscale_freq_shift < double(half), name,
        ": expected a dim of at least 2 and a downscale_freq_shift below dim / 2, got ", dim,
        " and ", options.downscale_freq_shift);
  return {.slope = float(-std::log(options.max_period)),
          .distance = float(double(half) - options.downscale_freq_shift)};
}

}  // namespace

Tensor get_timestep_embedding(const Tensor& t, int64_t dim, const TimestepOptions& options) {
  const TimestepFrequencies w = frequencies_of(t, dim, options);
  const bool as_it_is = t.dtype() == DType::int64 || is_floating(t.dtype());
  const Tensor times = as_it_is ? t.detach() : copy_of(t, DType::float32);
  Tensor y = empty({t.size(0), dim}, {.device = t.device()});
  pick(t.device(), cpu::timestep_embedding, cuda::timestep_embedding)(view(y), view(times), w,
                                                                      options.flip_sin_to_cos);
  return y;
}

Tensor get_timestep_embedding_composed(const Tensor& t, int64_t dim,
                                       const TimestepOptions& options) {
  const TimestepFrequencies w = frequencies_of(t, dim, options);
  std::vector<float> frequencies;
  for (int64_t i = 0; i < dim / 2; ++i) frequencies.push_back(w(i));
  const Tensor at = copy_of(unsqueeze(copy_of(t.detach(), DType::float32), 1), t.device()) *
                    copy_of(tensor<float>(frequencies, {1, dim / 2}), t.device());
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
