#include "boft/ops/butterfly_rotation.h"

#include <cstdint>

#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/matrix.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "boft/ops/butterfly_shape.h"
#include "boft/ops/detail/settled.h"
#include "kernels/butterfly_rotation.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

void check_butterfly(const char* operation, const Tensor& q, int64_t d) {
  check_floating(operation, q, "q");
  check(q.dim() == 4 && q.size(2) == q.size(3) && q.numel() > 0, operation,
        ": expected q of shape (m, N, b, b), got ", q.shape());
  check(q.size(1) * q.size(2) == d, operation, ": expected q of shape (m, N, b, b) with N b = ", d,
        ", got ", q.shape());
  butterfly_shape(operation, d, q.size(2), 0, q.size(0));
}

namespace {

// Coordinates that q's blocks cover.
int64_t coordinates(const Tensor& q) {
  return q.dim() == 4 ? q.size(1) * q.size(2) : 0;
}

// (..., d) as (rows, d); x is contiguous and must outlive the view.
View rows(const Tensor& x) {
  return view(as_rows(x));
}

Tensor rotated(const Tensor& x, const Tensor& q, bool transposed) {
  Tensor y = empty(x.shape(), {x.dtype(), x.device()});
  const Tensor in = contiguous_data(x);
  pick(x.device(), cpu::butterfly_rotation, cuda::butterfly_rotation)(rows(y), rows(in), view(q),
                                                                      transposed);
  return y;
}

}  // namespace

namespace settled {

Tensor butterfly_rotation(const char* operation, const Tensor& x, const Tensor& q,
                          bool transposed) {
  const Tensor factors = contiguous_data(q);
  Tensor y = rotated(x, factors, transposed);
  const Saved for_q = q.requires_grad() ? Saved(x, contiguous_data(x)) : Saved();
  return record(operation, y, {x, q}, [=](const Tensor& dy, Needs needs) {
    const Tensor g = contiguous_data(dy);
    Grads grads(2);
    const bool both = needs[0] && needs[1] && !transposed;  // in one pass
    if (needs[0]) grads[0] = both ? empty_like(g) : rotated(g, factors, !transposed);
    if (needs[1]) {
      const Tensor saved = for_q.get();
      grads[1] = empty_like(factors);
      const auto kernel =
          pick(g.device(), cpu::butterfly_rotation_backward, cuda::butterfly_rotation_backward);
      const View dx = both ? rows(grads[0]) : View{}, dq = view(grads[1]);
      // <dy, x R^T> = <x, dy R>: under the transpose, x and dy change places.
      if (transposed)
        kernel(dx, dq, rows(saved), rows(g), view(factors));
      else
        kernel(dx, dq, rows(g), rows(saved), view(factors));
    }
    return grads;
  });
}

}  // namespace settled

namespace {

Tensor rotate(const char* operation, const Tensor& input, const Tensor& factors, bool transposed) {
  const auto [x, q, result] = settled::Operands(input, factors);
  check_floating(operation, x);
  const int64_t d = coordinates(q);
  check_butterfly(operation, q, d);
  check_same(operation, x, q);
  check(x.dim() >= 1 && x.size(-1) == d, operation, ": expected x of shape (..., ", d,
        ") for q of shape ", q.shape(), ", got ", x.shape());
  return cast(settled::butterfly_rotation(operation, x, q, transposed), result);
}

}  // namespace

Tensor butterfly_rotation(const Tensor& x, const Tensor& q) {
  return rotate("butterfly_rotation", x, q, false);
}

Tensor butterfly_rotation_transposed(const Tensor& x, const Tensor& q) {
  return rotate("butterfly_rotation_transposed", x, q, true);
}

Tensor butterfly_matrix(const Tensor& q) {
  check_butterfly("butterfly_matrix", q, coordinates(q));
  return butterfly_rotation(eye(coordinates(q), {q.dtype(), q.device()}), q);
}

}  // namespace papilio
