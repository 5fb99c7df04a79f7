#include "nn/layers/conv2d.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"
#include "nn/init.h"
#include "tensor/creation.h"

namespace papilio::nn {

namespace {

// x with `amount` more entries on both sides of dimension dim, taken from inside.
Tensor padded(const Tensor& x, int dim, int64_t amount, PaddingMode mode) {
  const int64_t n = x.size(dim);
  check(amount >= 0, "Conv2d: expected a padding of at least 0, got ", amount);
  const int64_t most = mode == PaddingMode::reflect    ? n - 1
                       : mode == PaddingMode::circular ? n
                                                       : INT64_MAX;
  check(n > 0 && amount <= most, "Conv2d: a padding of ", amount, " is too wide for a side of ", n,
        " in this padding mode");
  if (amount == 0) return x;
  Tensor before, after;
  if (mode == PaddingMode::circular) {
    before = slice(x, dim, n - amount, n);
    after = slice(x, dim, 0, amount);
  } else if (mode == PaddingMode::reflect) {
    before = flip(slice(x, dim, 1, amount + 1), {dim});
    after = flip(slice(x, dim, n - 1 - amount, n - 1), {dim});
  } else {
    Dims wide = x.shape();
    wide[dim] = amount;
    before = expand(slice(x, dim, 0, 1), wide);
    after = expand(slice(x, dim, n - 1, n), wide);
  }
  return concat({before, x, after}, dim);
}

}  // namespace

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, std::array<int64_t, 2> kernel_size,
               const Conv2dOptions& options, bool with_bias, PaddingMode padding_mode)
    : options(options), padding_mode(padding_mode) {
  check(options.groups >= 1 && in_channels % options.groups == 0 &&
            out_channels % options.groups == 0,
        "Conv2d: ", in_channels, " input and ", out_channels,
        " output channels do not divide into ", options.groups, " groups");
  weight = empty({out_channels, in_channels / options.groups, kernel_size[0], kernel_size[1]});
  kaiming_uniform_(weight);
  set_requires_grad(weight);
  if (with_bias) bias = zero_parameter({out_channels});
}

Tensor Conv2d::operator()(const Tensor& x) {
  const std::vector<Adapter*> working = adapters.working();
  if (working.empty()) return convolve(x, weight, bias);
  const auto conv = [this](const Tensor& input, const Tensor& matrix, const Tensor& b) {
    return convolve(input, from_matrix(matrix), b);
  };
  return AdaptedWeight(to_matrix(weight), working).convolve(conv, x, bias);
}

Tensor Conv2d::convolve(const Tensor& x, const Tensor& w, const Tensor& b) const {
  if (padding_mode == PaddingMode::zeros) return conv2d(x, w, b, options);
  check(x.defined() && x.dim() == 4, "Conv2d: expected x of shape (B, C, H, W)");
  const Tensor wide =
      padded(padded(x, 2, options.padding.h, padding_mode), 3, options.padding.w, padding_mode);
  Conv2dOptions unpadded = options;
  unpadded.padding = 0;
  return conv2d(wide, w, b, unpadded);
}

void Conv2d::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
  adapters.visit(v);
}

std::string Conv2d::describe() const {
  return str("Conv2d(", weight.size(1) * options.groups, " -> ", weight.size(0), ", ",
             weight.size(2), "x", weight.size(3), ")");
}

}  // namespace papilio::nn
