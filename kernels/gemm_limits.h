// What BLAS can be asked for.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/error.h"
#include "kernels/view.h"

namespace papilio {

// Throws Error unless the sizes and strides of C = A B fit BLAS's int.
inline void check_gemm_limits(const ConstView& c, const ConstView& a, const ConstView& b) {
  for (const ConstView* v : {&c, &a, &b}) {
    for (int d = v->rank - 2; d < v->rank; ++d) {
      const int64_t size = v->shape[d], stride = size > 1 ? v->strides[d] : 1;
      if (size > INT32_MAX || stride > INT32_MAX)
        throw Error("gemm: expected matrices with sizes and strides below 2^31, got size " +
                    std::to_string(size) + " with stride " + std::to_string(stride));
    }
  }
}

}  // namespace papilio
