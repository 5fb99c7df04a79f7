#include "boft/ops/householder.h"

#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/matrix.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "boft/ops/detail/settled.h"
#include "kernels/householder.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

// (..., d) as (rows, d); x is contiguous and must outlive the view.
View rows(const Tensor& x) {
  return view(as_rows(x));
}

// u's columns as rows: (r, d).
Tensor vectors_of(const Tensor& u) {
  return contiguous_data(transposed(u.detach()));
}

Tensor reflected(const Tensor& x, const Tensor& vectors, bool reversed) {
  Tensor y = empty(x.shape(), {x.dtype(), x.device()});
  const Tensor in = contiguous_data(x);
  pick(x.device(), cpu::householder, cuda::householder)(rows(y), rows(in), view(vectors), reversed);
  return y;
}

Tensor reflect(const char* operation, const Tensor& input, const Tensor& columns, bool reversed) {
  const settled::Operands in(input, columns);
  const Tensor &x = in.x, &u = in.own;
  check_floating(operation, x);
  check_floating(operation, u, "u");
  check(u.dim() == 2 && u.size(1) > 0, operation, ": expected u of shape (d, r), got ", u.shape());
  check_same(operation, x, u);
  check(x.dim() >= 1 && x.size(-1) == u.size(0), operation, ": expected x of shape (..., ",
        u.size(0), ") for u of shape ", u.shape(), ", got ", x.shape());
  const Tensor vectors = vectors_of(u);
  Tensor y = reflected(x, vectors, reversed);
  const Saved for_u = u.requires_grad() ? Saved(x, contiguous_data(x)) : Saved();
  y = record(operation, y, {x, u}, [=](const Tensor& dy, Needs needs) {
    const Tensor g = contiguous_data(dy);
    Grads grads(2);
    if (!needs[1]) {
      grads[0] = reflected(g, vectors, !reversed);
      return grads;
    }
    if (needs[0]) grads[0] = empty_like(g);
    const Tensor saved = for_u.get(), du = empty_like(vectors);
    pick(g.device(), cpu::householder_backward, cuda::householder_backward)(
        needs[0] ? rows(grads[0]) : View{}, view(du), rows(g), rows(saved), view(vectors),
        reversed);
    grads[1] = contiguous_data(transposed(du));
    return grads;
  });
  return cast(y, in.result);
}

}  // namespace

Tensor householder(const Tensor& x, const Tensor& u) {
  return reflect("householder", x, u, false);
}

Tensor householder_transposed(const Tensor& x, const Tensor& u) {
  return reflect("householder_transposed", x, u, true);
}

}  // namespace papilio
