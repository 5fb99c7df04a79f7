#include "boft/ops/cayley_neumann.h"

#include <cstdint>

#include "autograd/autocast.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "autograd/record.h"
#include "kernels/cayley_neumann.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

Tensor cayley_neumann(const Tensor& parameters, int64_t terms) {
  const Tensor a = autocast::to_float32(parameters);
  check_floating("cayley_neumann", a, "a");
  check(a.dim() >= 2 && a.size(-1) == a.size(-2),
        "cayley_neumann: expected a of shape (..., b, b), got ", a.shape());
  check(terms >= 1, "cayley_neumann: expected terms >= 1, got ", terms);
  const Tensor in = contiguous_data(a);
  const Tensor q = empty(a.shape(), {a.dtype(), a.device()});
  pick(a.device(), cpu::cayley_neumann, cuda::cayley_neumann)(view(q), view(in), terms);
  return record("cayley_neumann", q, {a}, [in, terms](const Tensor& dq, Needs) {
    const Tensor da = empty_like(in);
    pick(in.device(), cpu::cayley_neumann_backward, cuda::cayley_neumann_backward)(
        view(da), view(contiguous_data(dq)), view(in), terms);
    return Grads{da};
  });
}

Tensor cayley_neumann_doubled(const Tensor& parameters, int64_t terms) {
  const Autocast off(DType::float32);
  const Tensor a =
      parameters.dtype() == DType::float64 ? parameters : cast(parameters, DType::float32);
  check_floating("cayley_neumann_doubled", a, "a");
  check(a.dim() >= 2 && a.size(-1) == a.size(-2),
        "cayley_neumann_doubled: expected a of shape (..., b, b), got ", a.shape());
  check(terms >= 1, "cayley_neumann_doubled: expected terms >= 1, got ", terms);
  const Tensor identity = eye(a.size(-1), {a.dtype(), a.device()});
  Tensor sum = expand(identity, a.shape());  // I + A + ... + A^(terms-1), by Horner's rule
  for (int64_t k = 1; k < terms; ++k) sum = identity + matmul(a, sum);
  return 2 * sum - identity;
}

}  // namespace papilio
