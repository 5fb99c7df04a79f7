#include "autograd/ops/detail/matrix.h"

#include <algorithm>
#include <cstdint>

#include "kernels/blas_memory.h"
#include "kernels/gemm.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/dry_run.h"
#include "tensor/pick.h"

namespace papilio {

Tensor transposed(const Tensor& x) {
  return x.alias(x.layout().transpose("transpose", -2, -1));
}

Tensor as_rows(const Tensor& x) {
  int64_t rows = 1;
  for (int d = 0; d + 1 < x.dim(); ++d) rows *= x.shape()[d];
  const Dims matrix{rows, x.shape().back()};
  if (x.numel() == 0) return empty(matrix, {x.dtype(), x.device()});
  const auto [fits, layout] = x.layout().reshape("reshape", matrix);
  return fits ? x.alias(layout) : with_shape(contiguous_data(x), matrix);
}

Tensor with_shape(const Tensor& x, const Dims& shape) {
  Layout layout = Layout::contiguous(shape);
  layout.offset = x.layout().offset;
  return x.alias(layout);
}

namespace {
constexpr int64_t kGemmLimit = int64_t(1) << 31;
}  // namespace

void check_gemm_size(const char* operation, int64_t rows, int64_t columns) {
  check(rows < kGemmLimit && columns < kGemmLimit, operation,
        ": expected matrix sizes below 2^31, got (", rows, ", ", columns, ")");
}

void expect_product_memory(const char* operation, Device device) {
  if (!device.is_cpu() || DryRun::active()) return;
  const auto missing = cpu::take_blas_memory();
  check<OutOfMemoryError>(missing.buffers == 0, operation,
                          ": a product is out of memory for OpenBLAS' own buffers (",
                          missing.buffers, " of ", missing.bytes >> 20, " MB for ", missing.threads,
                          " threads; fewer threads need fewer)");
}

Tensor gemm_operand(const char* operation, const Tensor& x) {
  const int row = x.dim() - 2, col = x.dim() - 1;
  const int64_t rows = x.shape()[row], cols = x.shape()[col];
  check_gemm_size(operation, rows, cols);
  expect_product_memory(operation, x.device());
  const int64_t row_stride = x.strides()[row], col_stride = x.strides()[col];
  const bool fits = gemm_takes(rows, cols, row_stride, col_stride) &&
                    std::max(row_stride, col_stride) < kGemmLimit;
  return fits ? x.detach() : contiguous_data(x);
}

Tensor matrix_product(const char* operation, const Tensor& a, const Tensor& b, const Tensor& bias) {
  const Tensor left = gemm_operand(operation, a), right = gemm_operand(operation, b);
  Tensor c = empty({a.shape()[0], b.shape()[1]}, {a.dtype(), a.device()});
  if (bias.defined()) {
    pick(a.device(), cpu::gemm_bias, cuda::gemm_bias)(view(c), view(left), view(right),
                                                      view(contiguous_data(bias)));
  } else {
    pick(a.device(), cpu::gemm, cuda::gemm)(view(c), view(left), view(right), 1, 0);
  }
  return c;
}

}  // namespace papilio
