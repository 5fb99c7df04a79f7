// One matrix product through oneDNN, which is loaded by the first one.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/cpu/blas.h"
#include "kernels/dtype.h"

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

// Empty if oneDNN could be loaded, else why not.
const std::string& onednn_missing();
// "oneDNN 2.6.3", or "" without it.
std::string onednn_version();
// False, and nothing done, if oneDNN has nothing for it.
bool onednn_product(const OnednnProduct& product);

}  // namespace papilio::cpu
