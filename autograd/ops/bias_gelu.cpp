#include "autograd/ops/bias_gelu.h"

#include <span>

#include "autograd/autocast.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/settled.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "kernels/bias_gelu.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace settled {

Tensor bias_gelu(const Tensor& x, const Tensor& bias, GeluApproximate approximate) {
  if (!bias.defined()) return gelu(x, approximate);
  const bool tanh = approximate == GeluApproximate::tanh;
  const Tensor rows = contiguous_data(x), b = contiguous_data(bias);
  const auto compute = [b, tanh](const Tensor& in) {
    Tensor y = empty_like(in);
    pick(in.device(), cpu::bias_gelu, cuda::bias_gelu)(view(y), view(in), view(b), tanh);
    return y;
  };
  const auto backward = [saved = Saved(x, rows), b, tanh](const Tensor& dy, Needs needs) {
    const Tensor rows = saved.get();
    const Tensor dx = needs[0] ? empty_like(rows) : Tensor();
    const Tensor db = needs[1] ? empty_like(b) : Tensor();
    pick(rows.device(), cpu::bias_gelu_backward, cuda::bias_gelu_backward)(
        view_or_none(dx), view_or_none(db), view(contiguous_data(dy)), view(rows), view(b), tanh);
    return Grads{dx, db};
  };
  Tensor y = record("bias_gelu", compute(rows), {x, bias}, backward);
  if (x.is_contiguous())
    offer_remake(y, {x}, [compute](std::span<const Tensor> in) { return compute(in[0]); });
  return y;
}

}  // namespace settled

Tensor bias_gelu(const Tensor& x, const Tensor& b, GeluApproximate approximate) {
  constexpr const char* name = "bias_gelu";
  check_floating(name, x);
  const Tensor bias = autocast::mixed(x, b) ? cast(b, x.dtype()) : b;
  if (bias.defined()) {
    check(x.dim() >= 1, name, ": expected at least one dimension, got a 0-d tensor");
    check_same(name, x, bias);
    check_shape(name, bias, {x.size(-1)}, "bias");
  }
  return settled::bias_gelu(x, bias, approximate);
}

Tensor bias_gelu_composed(const Tensor& x, const Tensor& bias, GeluApproximate approximate) {
  return gelu(bias.defined() ? x + bias : x, approximate);
}

}  // namespace papilio
