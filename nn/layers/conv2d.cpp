#include "nn/layers/conv2d.h"

#include <algorithm>

#include "autograd/backward.h"
#include "autograd/ops/index.h"
#include "autograd/ops/shape.h"
#include "nn/init.h"
#include "tensor/creation.h"

namespace papilio::nn {

namespace {

// x with `amount` more entries on both sides of dimension dim, taken from inside.
Tensor padded(const Tensor& x, int dim, int64_t amount, PaddingMode mode) {
  const int64_t n = x.size(dim);
  const int64_t most = mode == PaddingMode::reflect    ? n - 1
                       : mode == PaddingMode::circular ? n
                                                       : INT64_MAX;
  check(n > 0 && amount <= most, "Conv2d: a padding of ", amount, " is too wide for a side of ", n,
        " in this padding mode");
  if (amount == 0) return x;
  std::vector<int64_t> from;
  for (int64_t i = -amount; i < n + amount; ++i) {
    if (mode == PaddingMode::circular)
      from.push_back((i + n) % n);
    else if (mode == PaddingMode::replicate)
      from.push_back(std::clamp<int64_t>(i, 0, n - 1));
    else
      from.push_back(i < 0 ? -i : i < n ? i : 2 * (n - 1) - i);
  }
  return index_select(x, dim, tensor(from));
}

}  // namespace

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, std::array<int64_t, 2> kernel_size,
               Conv2dOptions options_, bool with_bias, PaddingMode padding_mode_)
    : options(options_), padding_mode(padding_mode_) {
  check(options.groups >= 1 && in_channels % options.groups == 0 &&
            out_channels % options.groups == 0,
        "Conv2d: ", in_channels, " input and ", out_channels,
        " output channels do not divide into ", options.groups, " groups");
  weight = empty({out_channels, in_channels / options.groups, kernel_size[0], kernel_size[1]});
  kaiming_uniform_(weight);
  set_requires_grad(weight);
  if (with_bias) bias = leaf(zeros({out_channels}));
}

Tensor Conv2d::operator()(const Tensor& x) {
  const std::vector<Adapter*> working = adapters.working();
  Tensor w = weight;
  if (!working.empty()) w = from_matrix(AdaptedWeight(to_matrix(weight), working).weight(training));
  if (padding_mode == PaddingMode::zeros) return conv2d(x, w, bias, options);
  check(x.defined() && x.dim() == 4, "Conv2d: expected x of shape (B, C, H, W)");
  const Tensor wide =
      padded(padded(x, 2, options.padding.h, padding_mode), 3, options.padding.w, padding_mode);
  Conv2dOptions unpadded = options;
  unpadded.padding = 0;
  return conv2d(wide, w, bias, unpadded);
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
