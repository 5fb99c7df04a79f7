#include "nn/init.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::nn {

namespace {

thread_local bool skip_init = false;

int64_t fan_in(const Tensor& weight) {
  return weight.size(0) > 0 ? weight.numel() / weight.size(0) : 0;
}

void uniform_(const Tensor& x, double a, Generator& generator) {
  if (skip_init) return;
  copy_(x, uniform(x.shape(), -a, a, {.dtype = x.dtype(), .device = x.device()}, generator));
}

}  // namespace

void constant_(const Tensor& x, double value) {
  if (!skip_init) fill_(x, value);
}

Tensor constant_parameter(const Dims& shape, double value) {
  return leaf(skip_init ? empty(shape) : full(shape, value));
}

Tensor zero_parameter(const Dims& shape) {
  return constant_parameter(shape, 0);
}

SkipInit::SkipInit() : before_(std::exchange(skip_init, true)) {}

SkipInit::~SkipInit() {
  skip_init = before_;
}

void trunc_normal_(const Tensor& x, double std, Generator& generator) {
  if (skip_init) return;
  // Draws beyond two deviations are drawn again: 4.6 % of them each time.
  std::vector<double> values =
      randn(x.shape(), {.dtype = DType::float64}, generator).to_vector<double>();
  for (double& v : values) {
    while (std::abs(v) > 2) v = randn({}, {.dtype = DType::float64}, generator).item();
    v *= std;
  }
  copy_(x, tensor<double>(values, x.shape()));
}

void normal_(const Tensor& x, double std, Generator& generator) {
  if (skip_init) return;
  copy_(x, normal(x.shape(), 0, std, {.dtype = x.dtype(), .device = x.device()}, generator));
}

void kaiming_uniform_(const Tensor& weight, Generator& generator) {
  check(weight.dim() >= 2, "kaiming_uniform_: expected at least two dimensions, got ",
        weight.shape());
  uniform_(weight, fan_in(weight) > 0 ? 1 / std::sqrt(double(fan_in(weight))) : 0, generator);
}

void xavier_uniform_(const Tensor& weight, Generator& generator) {
  check(weight.dim() >= 2, "xavier_uniform_: expected at least two dimensions, got ",
        weight.shape());
  const int64_t fan_out = weight.size(1) > 0 ? weight.numel() / weight.size(1) : 0;
  uniform_(weight, std::sqrt(6.0 / double(std::max<int64_t>(1, fan_in(weight) + fan_out))),
           generator);
}

}  // namespace papilio::nn
