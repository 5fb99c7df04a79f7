// Row operations along any dimension: kernels see that dimension last and contiguous.
#pragma once

#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio {

// x with dimension `dim` last, contiguous; the same memory if that is so already.
inline Tensor rows_along(const Tensor& x, int dim) {
  return contiguous_data(x.alias(x.layout().transpose("rows", dim, x.dim() - 1)));
}
// The way back: a view.
inline Tensor from_rows(const Tensor& rows, int dim) {
  return rows.alias(rows.layout().transpose("rows", dim, rows.dim() - 1));
}

}  // namespace papilio
