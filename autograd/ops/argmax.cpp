#include "autograd/ops/argmax.h"

#include <cstdint>

#include "autograd/ops/detail/check.h"
#include "kernels/argmax.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

Tensor argmax(const Tensor& x, int dim, bool keep) {
  check_defined("argmax", x);
  dim = wrap_dim("argmax", dim, x.dim());
  check(x.size(dim) > 0, "argmax: dimension ", dim, " of shape ", x.shape(), " is empty");
  Dims shape = x.shape();
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < dim; ++i) outer *= shape[i];
  for (int i = dim + 1; i < x.dim(); ++i) inner *= shape[i];
  const Tensor c = contiguous_data(x);
  const Tensor rows = c.alias(c.layout().reshape("argmax", {outer, x.size(dim), inner}).layout);
  if (keep)
    shape[dim] = 1;
  else
    shape.erase(dim);
  Tensor y = empty(shape, {.dtype = DType::int64, .device = x.device()});
  if (y.numel() > 0) pick(x.device(), cpu::argmax, cuda::argmax)(view(y), view(rows));
  return y;
}

}  // namespace papilio
