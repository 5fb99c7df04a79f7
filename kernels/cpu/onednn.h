// Matrix products and convolutions through oneDNN, which is loaded by the first one.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/cpu/blas.h"
#include "kernels/cpu/im2col.h"
#include "kernels/dtype.h"
#include "kernels/products.h"

namespace papilio::cpu {

// C = A B, + bias to each row unless it is null, + C if `add`; c row-major (m, n). Inside a
// parallel region one thread does it all. The same bits for the same arguments and threads.
struct OnednnProduct {
  DType dtype;  // of all: float32 or bfloat16
  int64_t m, n, k;
  Matrix<const void> a, b;
  Matrix<void> c;
  const void* bias;
  bool add;
};

enum class Conv2dPass : uint8_t { forward, backward_input, backward_weight };

// y = conv(x, w) + bias, or from y's gradient that of x, or of w as float32 values; each replaces
// the values of x, w, y.
struct OnednnConv2d {
  Conv2dPass pass;
  DType dtype;  // float32 or bfloat16
  Conv2dSizes sizes;
  void *x, *w;
  const void* bias;  // null, or the forward pass's
  void* y;
};

// Empty if oneDNN could be loaded, else why not.
const std::string& onednn_missing();
// "oneDNN 2.6.3", or "" without it.
std::string onednn_version();
// Whether values of this dtype are multiplied by it, where they are many (kernels/products.h).
inline bool onednn_multiplies(DType dtype) {
  return (dtype == DType::bfloat16 && products() != Products::openblas) ||
         (dtype == DType::float32 && products() == Products::onednn_float32);
}
// False, and nothing of use done, if oneDNN has nothing for it; for a convolution also where OpenMP
// may give fewer threads than num_threads(), as inside a parallel region.
bool onednn_product(const OnednnProduct& product);
bool onednn_conv2d(const OnednnConv2d& convolution);

}  // namespace papilio::cpu
