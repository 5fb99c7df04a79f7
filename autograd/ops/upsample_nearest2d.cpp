#include "autograd/ops/upsample_nearest2d.h"

#include <cstdint>

#include "autograd/ops/detail/check.h"
#include "autograd/record.h"
#include "kernels/upsample_nearest2d.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

Tensor upsample_nearest2d(const Tensor& x, Pair size) {
  constexpr const char* name = "upsample_nearest2d";
  check_floating(name, x);
  check(x.dim() == 4 && x.size(2) >= 1 && x.size(3) >= 1, name,
        ": expected x of shape (B, C, H, W) with pixels, got ", x.shape());
  check(size.h >= x.size(2) && size.w >= x.size(3), name, ": expected a size of at least (",
        x.size(2), ", ", x.size(3), "), got (", size.h, ", ", size.w, ')');
  const Tensor y =
      empty({x.size(0), x.size(1), size.h, size.w}, {.dtype = x.dtype(), .device = x.device()});
  pick(x.device(), cpu::upsample_nearest2d, cuda::upsample_nearest2d)(view(y),
                                                                      view(contiguous_data(x)));
  return record(name, y, {x}, [in = x.shape()](const Tensor& dy, Needs) {
    const Tensor dx = empty(in, {.dtype = dy.dtype(), .device = dy.device()});
    pick(dy.device(), cpu::upsample_nearest2d_backward, cuda::upsample_nearest2d_backward)(
        view(dx), view(contiguous_data(dy)));
    return Grads{dx};
  });
}

}  // namespace papilio
