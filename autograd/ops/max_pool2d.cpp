#include "autograd/ops/max_pool2d.h"

#include <cstdint>

#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

Dims dims(Pair pair) {
  return {pair.h, pair.w};
}

Dims output_shape(const Tensor& x, const MaxPool2dOptions& o) {
  check(x.dim() == 4, "max_pool2d: expected x of shape (B, C, H, W), got ", x.shape());
  check(o.kernel_size.h >= 1 && o.kernel_size.w >= 1,
        "max_pool2d: expected a kernel of at least 1, got ", dims(o.kernel_size));
  check(o.stride.h >= 1 && o.stride.w >= 1, "max_pool2d: expected a stride of at least 1, got ",
        dims(o.stride));
  // More would make windows that see no pixel.
  check(o.padding.h >= 0 && o.padding.w >= 0 && 2 * o.padding.h <= o.kernel_size.h &&
            2 * o.padding.w <= o.kernel_size.w,
        "max_pool2d: expected a padding from 0 to half the kernel, got ", dims(o.padding));
  const int64_t H = x.size(2), W = x.size(3);
  check(H >= 1 && W >= 1 && H <= INT32_MAX / W,
        "max_pool2d: expected images of 1 to 2^31 - 1 pixels, got ", x.shape());
  const Dims padded{H + 2 * o.padding.h, W + 2 * o.padding.w};
  check(o.kernel_size.h <= padded[0] && o.kernel_size.w <= padded[1],
        "max_pool2d: expected a kernel no larger than the padded input ", padded, ", got ",
        dims(o.kernel_size));
  return {x.size(0), x.size(1), (padded[0] - o.kernel_size.h) / o.stride.h + 1,
          (padded[1] - o.kernel_size.w) / o.stride.w + 1};
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const MaxPool2dOptions& options) {
  check_floating("max_pool2d", x);
  const Dims shape = output_shape(x, options);
  const Tensor y = empty(shape, {.dtype = x.dtype(), .device = x.device()});
  const Tensor index = empty(shape, {.dtype = DType::int32, .device = x.device()});
  pick(x.device(), cpu::max_pool2d, cuda::max_pool2d)(view(y), view(index),
                                                      view(contiguous_data(x)), options);
  return record("max_pool2d", y, {x}, [index, options, in = x.shape()](const Tensor& dy, Needs) {
    const Tensor dx = empty(in, {.dtype = dy.dtype(), .device = dy.device()});
    pick(dy.device(), cpu::max_pool2d_backward, cuda::max_pool2d_backward)(
        view(dx), view(contiguous_data(dy)), view(index), options);
    return Grads{dx};
  });
}

}  // namespace papilio
