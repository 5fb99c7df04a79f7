#include "autograd/ops/matmul.h"

#include <cstdint>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/matrix.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "kernels/gemm.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

Dims leading(const Tensor& x) {
  return Dims(x.shape().begin(), x.shape().end() - 2);
}

Dims join(Dims dims, int64_t rows, int64_t cols) {
  dims.push_back(rows);
  dims.push_back(cols);
  return dims;
}

// A B of tensors with two dimensions and more, without gradient.
Tensor product(const Tensor& a, const Tensor& b) {
  const Dims batch = broadcast_shapes("matmul", leading(a), leading(b));
  const Dims shape = join(batch, a.shape()[a.dim() - 2], b.shape().back());
  if (b.dim() == 2)  // one tall product instead of many
    return with_shape(matrix_product("matmul", as_rows(a), b), shape);
  Tensor c = empty(shape, {a.dtype(), a.device()});
  const auto operand = [&](const Tensor& x) {
    const Tensor ready = gemm_operand("matmul", x);
    const Dims to = join(batch, x.shape()[x.dim() - 2], x.shape().back());
    return ready.alias(ready.layout().expand("matmul", to));
  };
  pick(a.device(), cpu::gemm, cuda::gemm)(view(c), view(operand(a)), view(operand(b)), 1, 0);
  return c;
}

// dA = dC B^T and dB = A^T dC, summed over the leading dimensions that were broadcast.
Tensor first_gradient(const Tensor& dc, const Tensor& b, const Dims& shape) {
  return sum_to(product(dc, transposed(b)), shape);
}
Tensor second_gradient(const Tensor& a, const Tensor& dc, const Dims& shape) {
  if (shape.size() == 2) return matrix_product("matmul", transposed(as_rows(a)), as_rows(dc));
  return sum_to(product(transposed(a), dc), shape);
}

// A vector on the left as one row, on the right as one column; else x itself.
Tensor as_row(const Tensor& x, bool vector) {
  return x.alias(vector ? x.layout().unsqueeze("matmul", 0) : x.layout());
}
Tensor as_columns(const Tensor& x, bool vector) {
  return x.alias(vector ? x.layout().unsqueeze("matmul", 1) : x.layout());
}

}  // namespace

Tensor matmul(const Tensor& first, const Tensor& second) {
  const Tensor a = autocast::to_product(first), b = autocast::to_product(second);
  check_floating("matmul", a, "first argument");
  check_floating("matmul", b, "second argument");
  check_same("matmul", a, b);
  check(a.dim() >= 1 && b.dim() >= 1, "matmul: expected at least one dimension, got shapes ",
        a.shape(), " and ", b.shape());
  const bool row = a.dim() == 1, column = b.dim() == 1;
  const Tensor a2 = as_row(a, row), b2 = as_columns(b, column);
  check(a2.shape().back() == b2.shape()[b2.dim() - 2],
        "matmul: expected (..., M, K) and (..., K, N), got ", a.shape(), " and ", b.shape());
  const Tensor c = product(a2, b2);
  Dims shape = c.shape();
  if (column) shape.erase(shape.size() - 1);
  if (row) shape.erase(shape.size() - (column ? 1 : 2));

  // Each operand is kept only for the other one's gradient.
  const Saved for_b = b.requires_grad() ? Saved(a) : Saved(),
              for_a = a.requires_grad() ? Saved(b) : Saved();
  return record(
      "matmul", with_shape(c, shape), {a, b},
      [for_a, for_b, row, column, c_shape = c.shape(), a2_shape = a2.shape(), b2_shape = b2.shape(),
       a_shape = a.shape(), b_shape = b.shape()](const Tensor& dy, Needs needs) {
        const Tensor dc = with_shape(contiguous_data(dy), c_shape);
        Grads grads(2);
        if (needs[0])
          grads[0] =
              with_shape(first_gradient(dc, as_columns(for_a.get(), column), a2_shape), a_shape);
        if (needs[1])
          grads[1] = with_shape(second_gradient(as_row(for_b.get(), row), dc, b2_shape), b_shape);
        return grads;
      });
}

}  // namespace papilio
