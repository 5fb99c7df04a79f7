#include "autograd/ops/conv2d.h"

#include <cstdint>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/matrix.h"
#include "autograd/record.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

Dims dims(Pair pair) {
  return {pair.h, pair.w};
}

void check_arguments(const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const Conv2dOptions& o) {
  const auto positive = [](Pair p) { return p.h >= 1 && p.w >= 1; };
  check_floating("conv2d", x);
  check_floating("conv2d", weight, "weight");
  check_same("conv2d", x, weight);
  check(x.dim() == 4, "conv2d: expected x of shape (B, C, H, W), got ", x.shape());
  check(weight.dim() == 4 && weight.shape()[2] >= 1 && weight.shape()[3] >= 1,
        "conv2d: expected weight of shape (O, C / groups, kh, kw), got ", weight.shape());
  check(positive(o.stride), "conv2d: expected a stride of at least 1, got ", dims(o.stride));
  check(positive(o.dilation), "conv2d: expected a dilation of at least 1, got ", dims(o.dilation));
  check(o.padding.h >= 0 && o.padding.w >= 0, "conv2d: expected a padding of at least 0, got ",
        dims(o.padding));
  check(o.groups >= 1, "conv2d: expected at least 1 group, got ", o.groups);
  check(x.shape()[1] % o.groups == 0, "conv2d: expected groups to divide the ", x.shape()[1],
        " input channels, got ", o.groups);
  check(weight.shape()[0] % o.groups == 0, "conv2d: expected groups to divide the ",
        weight.shape()[0], " output channels, got ", o.groups);
  check(x.shape()[1] == weight.shape()[1] * o.groups, "conv2d: expected x with ",
        weight.shape()[1] * o.groups, " channels (weight ", weight.shape(), ", groups ", o.groups,
        "), got ", x.shape());
  if (!bias.defined()) return;
  check_same("conv2d", x, bias);
  check_shape("conv2d", bias, {weight.shape()[0]}, "bias");
}

Dims output_shape(const Tensor& x, const Tensor& weight, const Conv2dOptions& o) {
  const Dims padded{x.shape()[2] + 2 * o.padding.h, x.shape()[3] + 2 * o.padding.w};
  const Dims kernel{(weight.shape()[2] - 1) * o.dilation.h + 1,
                    (weight.shape()[3] - 1) * o.dilation.w + 1};
  check(kernel[0] <= padded[0] && kernel[1] <= padded[1],
        "conv2d: expected a kernel (dilated) no larger than the padded input ", padded, ", got ",
        kernel);
  return {x.shape()[0], weight.shape()[0], (padded[0] - kernel[0]) / o.stride.h + 1,
          (padded[1] - kernel[1]) / o.stride.w + 1};
}

// Patches that do not overlap, as (B, OH, OW, C, kh, kw) in x's own memory.
Tensor patches(const Tensor& x, const Dims& y_shape, const Dims& w_shape) {
  const Dims &n = x.shape(), &s = x.strides();
  const int64_t kh = w_shape[2], kw = w_shape[3];
  return x.alias({{n[0], y_shape[2], y_shape[3], n[1], kh, kw},
                  {s[0], kh * s[2], kw * s[3], s[1], s[2], s[3]},
                  x.layout().offset});
}

// One product over all patches of all images: (B OH OW, C kh kw) times (C kh kw, O).
Tensor patch_embedding(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Dims& y_shape) {
  const Dims x_shape = x.shape(), w_shape = weight.shape();
  const int64_t O = w_shape[0], K = w_shape[1] * w_shape[2] * w_shape[3];
  const int64_t rows = y_shape[0] * y_shape[2] * y_shape[3];
  const Tensor w = with_shape(contiguous_data(weight), {O, K});
  const Tensor p = with_shape(contiguous_data(patches(x, y_shape, w_shape)), {rows, K});
  const Tensor tokens = matrix_product("conv2d", p, transposed(w), bias);
  const Dims by_token{y_shape[0], y_shape[2], y_shape[3], O};
  const Tensor y = with_shape(tokens, by_token);

  const Tensor for_x = x.requires_grad() ? w : Tensor();
  const Tensor for_weight = weight.requires_grad() ? p : Tensor();
  return record("conv2d", y.alias(y.layout().permute("conv2d", {0, 3, 1, 2})), {x, weight, bias},
                [=](const Tensor& dy, Needs needs) {
                  const Tensor last = dy.alias(dy.layout().permute("conv2d", {0, 2, 3, 1}));
                  const Tensor g = with_shape(contiguous_data(last), {rows, O});
                  Grads grads(3);
                  if (needs[0]) {
                    grads[0] = zeros(x_shape, {dy.dtype(), dy.device()});  // the uncovered edge
                    const Tensor to = patches(grads[0], y_shape, w_shape);
                    copy_(to, with_shape(matrix_product("conv2d", g, for_x), to.shape()));
                  }
                  if (needs[1])
                    grads[1] =
                        with_shape(matrix_product("conv2d", transposed(g), for_weight), w_shape);
                  if (needs[2]) grads[2] = sum_to(g, {O});
                  return grads;
                });
}

Tensor by_columns(const Tensor& x, const Tensor& weight, const Tensor& bias, const Dims& y_shape,
                  const Conv2dOptions& options) {
  const Device device = x.device();
  const Tensor w = contiguous_data(weight), image = contiguous_data(x);
  const Tensor y = empty(y_shape, {x.dtype(), device});
  expect_product_memory("conv2d", device);
  pick(device, cpu::conv2d, cuda::conv2d)(view(y), view(image), view(w),
                                          bias.defined() ? view(contiguous_data(bias)) : View(),
                                          options);

  const Tensor for_x = x.requires_grad() ? w : Tensor();
  const Tensor for_weight = weight.requires_grad() ? image : Tensor();
  return record("conv2d", y, {x, weight, bias},
                [=, x_shape = x.shape(), w_shape = weight.shape()](const Tensor& dy, Needs needs) {
                  expect_product_memory("conv2d", device);
                  const Tensor g = contiguous_data(dy);
                  const auto result = [&](const Dims& shape) {
                    return empty(shape, {g.dtype(), device});
                  };
                  Grads grads(3);
                  if (needs[0]) {
                    grads[0] = result(x_shape);
                    pick(device, cpu::conv2d_backward_input, cuda::conv2d_backward_input)(
                        view(grads[0]), view(g), view(for_x), options);
                  }
                  if (needs[1]) {
                    grads[1] = result(w_shape);
                    pick(device, cpu::conv2d_backward_weight, cuda::conv2d_backward_weight)(
                        view(grads[1]), view(g), view(for_weight), options);
                  }
                  if (needs[2]) grads[2] = with_shape(sum_to(g, {w_shape[0], 1, 1}), {w_shape[0]});
                  return grads;
                });
}

}  // namespace

Tensor conv2d(const Tensor& input, const Tensor& w, const Tensor& b, const Conv2dOptions& options) {
  const Tensor x = autocast::to_product(input), weight = autocast::to_product(w),
               bias = autocast::to_product(b);
  check_arguments(x, weight, bias, options);
  const Dims y_shape = output_shape(x, weight, options);
  check_gemm_size("conv2d", weight.size(0), weight.size(1) * weight.size(2) * weight.size(3));
  check_gemm_size("conv2d", weight.size(0), y_shape[2] * y_shape[3]);
  const Pair kernel{weight.shape()[2], weight.shape()[3]};
  const bool apart = options.stride == kernel && options.padding == Pair(0) &&
                     options.dilation == Pair(1) && options.groups == 1;
  return apart ? patch_embedding(x, weight, bias, y_shape)
               : by_columns(x, weight, bias, y_shape, options);
}

}  // namespace papilio
