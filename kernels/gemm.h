// Matrix products.
#pragma once

#include <cstdint>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// True when gemm can read a matrix with these sizes and strides as it lies: one dimension dense,
// the other with any larger stride (so that a transposed matrix needs no copy). Sizes of 1 fit
// always.
constexpr bool gemm_takes(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride) {
  const bool by_rows =
      (cols <= 1 || col_stride == 1) && (rows <= 1 || row_stride >= (cols > 1 ? cols : 1));
  const bool by_cols =
      (rows <= 1 || row_stride == 1) && (cols <= 1 || col_stride >= (rows > 1 ? rows : 1));
  return by_rows || by_cols;
}

// C = alpha A B + beta C; with beta = 0 what C held does not matter, not even NaN. a: (..., M, K),
// b: (..., K, N), c: (..., M, N) with equal leading sizes, whose strides are free (0 repeats a
// matrix of a or b); each matrix as gemm_takes has it, its sizes and strides below 2^31, which BLAS
// counts in an int. bfloat16 and float16 are summed in float32 and rounded once. The same bits for
// the same arguments and thread count. On the CPU by the library of kernels/products.h, on a GPU
// through cuBLAS.
PAPILIO_KERNEL(void gemm(View c, ConstView a, ConstView b, double alpha, double beta));

// C = A B + bias, bias: (N) contiguous, added to each row. In float32 and float64 this has the bits
// of gemm(c, a, b, 1, 0) followed by c += bias. On a GPU one kernel (cuBLASLt's), but for float64.
PAPILIO_KERNEL(void gemm_bias(View c, ConstView a, ConstView b, ConstView bias));

namespace cuda {

// C = gelu(A B + bias), approximated with tanh, and `before` = A B + bias (contiguous, of C's
// shape) unless its data is null, in one kernel of cuBLASLt's. False, and nothing done, if it
// has none.
bool gemm_bias_gelu(View c, View before, ConstView a, ConstView b, ConstView bias);
// Whether float32 products may round their factors to TF32's 10 bits, which tensor cores multiply
// about eight times faster; rotations too, even of a weight that is merged. Off at the start.
void allow_tf32(bool on);
bool tf32_allowed();

}  // namespace cuda

}  // namespace papilio
