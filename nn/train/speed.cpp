#include "nn/train/speed.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "autograd/grad_mode.h"
#include "autograd/ops/matmul.h"
#include "tensor/creation.h"

namespace papilio::nn {

double forward_operations(const ImageClassifier::Shape& s, int64_t height, int64_t width) {
  const auto D = double(s.hidden_size);
  const int64_t patches = (height / s.patch_size) * (width / s.patch_size);
  const auto T = double(patches + s.prefix_tokens);
  const double layer = 2 * T * (4 * D * D + 2 * D * double(s.intermediate_size)) + 4 * T * T * D;
  const double stem =
      s.stem_operations * double(height * width) / double(s.image_size * s.image_size);
  return double(s.num_hidden_layers) * layer + stem;
}

double training_operations(ImageClassifier& model, int64_t height, int64_t width) {
  const ParameterCount count = count_parameters(model);
  const bool frozen = count.trainable * 2 < count.all;
  return (frozen ? 2 : 3) * forward_operations(model.shape(), height, width);
}

double measured_peak(DType dtype) {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t n = 768;
  const NoGrad no_grad;
  const Tensor a = ones({n, n}, {.dtype = dtype}), b = ones({n, n}, {.dtype = dtype});
  const auto begin = Clock::now();
  double best = 0, elapsed = 0;
  while (elapsed < 0.1) {
    const auto start = Clock::now();
    matmul(a, b);
    const auto now = Clock::now();
    const std::chrono::duration<double> seconds = now - start;
    best = std::max(best, 2.0 * n * n * n / std::max(seconds.count(), 1e-9));
    elapsed = std::chrono::duration<double>(now - begin).count();
  }
  return best;
}

}  // namespace papilio::nn
