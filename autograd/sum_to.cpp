#include <algorithm>

#include "autograd/backward.h"
#include "autograd/ops/detail/reduce_plan.h"
#include "kernels/reduce.h"
#include "tensor/copy.h"

namespace papilio {

Tensor sum_to(const Tensor& dy, const Dims& shape) {
  if (dy.shape() == shape) return dy;
  const int added = dy.dim() - shape.size();
  const DimSet leading = (DimSet(1) << std::max(added, 0)) - 1;
  DimSet set = leading;
  for (int i = 0; i < shape.size(); ++i) {
    const bool legal = added >= 0 && (shape[i] == 1 || shape[i] == dy.shape()[i + added]);
    check(legal, "sum_to: ", shape, " does not broadcast to ", dy.shape());
    if (shape[i] == 1 && dy.shape()[i + added] != 1) set |= DimSet(1) << (i + added);
  }
  check(added >= 0, "sum_to: ", shape, " does not broadcast to ", dy.shape());
  const Tensor y = without(reduced("sum_to", Reducer::sum, dy, set), leading);
  return y.dtype() == dy.dtype() ? y : copy_of(y, dy.dtype());
}

}  // namespace papilio
