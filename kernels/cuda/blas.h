// What products through cuBLAS and cuBLASLt share.
#pragma once

#include <cstddef>

#include "kernels/cuda/cublas_functions.h"
#include "kernels/cuda/runtime.h"
#include "kernels/view.h"

namespace papilio::cuda {

// Throws Error("cuda: <what>: <cuBLAS's words>") unless the call worked, OutOfMemoryError for want
// of memory.
void check(cublasStatus_t status, const char* what);

constexpr size_t kBlasWorkspace = size_t(32) << 20;  // what NVIDIA advises from sm_90 on
// The handle of the device in use; cuBLASLt takes it too.
cublasHandle_t blas_handle();
// The workspace of the device in use; products come one after another on its stream.
void* blas_workspace();

// One of its dimensions is dense, the other one `ld` apart.
struct Matrix {
  const char* data;
  int ld;
  bool by_rows;  // each row is dense
};
// The last two dimensions of a view; gemm_takes holds.
Matrix matrix(const ConstView& v);

cudaDataType type_of(DType dtype);
// How a product of this dtype is computed: float32's as allow_tf32() says.
cublasComputeType_t compute_type_of(DType dtype);

}  // namespace papilio::cuda
