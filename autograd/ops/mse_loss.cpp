#include "autograd/ops/mse_loss.h"

#include "autograd/autocast.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/math.h"
#include "autograd/ops/reduce.h"

namespace papilio {

Tensor mse_loss(const Tensor& input, const Tensor& wanted, Reduction reduction) {
  const Tensor x = autocast::to_float32(input), target = autocast::to_float32(wanted);
  check_floating("mse_loss", x);
  check_same("mse_loss", x, target);
  check_shape("mse_loss", target, x.shape(), "target");
  Tensor squares = pow(x - target, 2);
  if (reduction == Reduction::none) return squares;
  return reduction == Reduction::mean ? mean(squares) : sum(squares);
}

}  // namespace papilio
