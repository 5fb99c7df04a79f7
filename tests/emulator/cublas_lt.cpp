#include <cublasLt.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/cuda/cublas_functions.h"
#include "kernels/dtype.h"
#include "tests/emulator/device.h"
#include "tests/emulator/graph.h"
#include "tests/emulator/streams.h"

namespace {

constexpr uint64_t kRefused = 1;

// 1 in every type of matrices.
const void* unit(cudaDataType type) {
  static const float of_float32 = 1;
  static const papilio::Float16 of_float16(1);
  static const papilio::BFloat16 of_bfloat16(1);
  if (type == CUDA_R_32F) return &of_float32;
  return type == CUDA_R_16F ? static_cast<const void*>(&of_float16) : &of_bfloat16;
}

// Rows and columns after op.
uint64_t rows_of(const cublasLtMatrixLayoutOpaque_t& x, cublasOperation_t op) {
  return op == CUBLAS_OP_N ? x.rows : x.cols;
}
uint64_t cols_of(const cublasLtMatrixLayoutOpaque_t& x, cublasOperation_t op) {
  return op == CUBLAS_OP_N ? x.cols : x.rows;
}

bool on_16_bytes(const cublasLtMatmulDescOpaque_t& d) {
  return (reinterpret_cast<uintptr_t>(d.bias) | reinterpret_cast<uintptr_t>(d.aux)) % 16 == 0;
}

}  // namespace

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t d, size_t bytes,
                                               cublasComputeType_t compute, cudaDataType scale) {
  if (bytes != sizeof(*d)) return CUBLAS_STATUS_INVALID_VALUE;
  if (scale != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
  *d = {CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr, compute, nullptr, 0};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  const auto set = [&](auto& to) {
    if (bytes != sizeof(to)) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&to, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
  };
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(d->op_a);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set(d->op_b);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(d->epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(d->bias);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      return set(d->aux);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      return set(d->aux_ld);
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t layout, size_t bytes,
                                                 cudaDataType type, uint64_t rows, uint64_t cols,
                                                 int64_t ld) {
  if (bytes != sizeof(*layout)) return CUBLAS_STATUS_INVALID_VALUE;
  *layout = {type, rows, cols, ld};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t preference,
                                                     size_t bytes) {
  if (bytes != sizeof(*preference)) return CUBLAS_STATUS_INVALID_VALUE;
  *preference = {};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                                    cublasLtMatmulPreferenceAttributes_t,
                                                    const void*, size_t) {
  return CUBLAS_STATUS_SUCCESS;
}
// For 16-bit matrices with rows of odd lengths it has no advice, or one that does not work, or one
// that the product refuses, so that every way is gone.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t d,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t* found, int* count) {
  const bool half = c->type != CUDA_R_32F;
  *found = {};
  found->state = half && a->ld % 4 == 1 ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
  found->algo.data[1] = on_16_bytes(*d);
  found->algo.data[0] = half && (a->ld % 4 == 3 || b->ld % 2 != 0) ? kRefused : 0;
  *count = half && c->ld % 2 != 0 ? 0 : 1;
  return *count == 0 ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
}

namespace {

bool known_epilogue(const cublasLtMatmulDescOpaque_t& d, int64_t rows) {
  if (d.epilogue != CUBLASLT_EPILOGUE_GELU_AUX_BIAS)
    return d.epilogue == CUBLASLT_EPILOGUE_BIAS || d.epilogue == CUBLASLT_EPILOGUE_GELU_BIAS;
  return d.aux != nullptr && d.aux_ld % 8 == 0 && d.aux_ld >= rows &&
         reinterpret_cast<uintptr_t>(d.aux) % 16 == 0;
}

// The result becomes gelu(result), by tanh; what it was goes to aux if there is one.
template <class T>
void gelu(T* result, int64_t ld, T* aux, int64_t aux_ld, int64_t rows, int64_t cols) {
  for (int64_t j = 0; j < cols; ++j)
    for (int64_t i = 0; i < rows; ++i) {
      T& to = result[i + j * ld];
      if (aux != nullptr) aux[i + j * aux_ld] = to;
      const double x = float(to);
      to = T(float(x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)))));
    }
}

}  // namespace

// The bias in every column (as a product with 1), then the product added to it, then the GELU.
cublasStatus_t cublasLtMatmul(cublasLtHandle_t lt, cublasLtMatmulDesc_t d, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* result,
                              cublasLtMatrixLayout_t result_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace, size_t,
                              cudaStream_t stream) {
  const uint64_t m = c_layout->rows, n = c_layout->cols, k = cols_of(*a_layout, d->op_a);
  const bool fits = rows_of(*a_layout, d->op_a) == m && rows_of(*b_layout, d->op_b) == k &&
                    cols_of(*b_layout, d->op_b) == n && result_layout->ld == c_layout->ld &&
                    c_layout->ld >= int64_t(m) && c == result;
  if (!fits || !known_epilogue(*d, int64_t(m)) || d->bias == nullptr || algorithm == nullptr ||
      workspace == nullptr || *static_cast<const float*>(beta) != 0)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (algorithm->data[0] == kRefused) return CUBLAS_STATUS_NOT_SUPPORTED;
  // What was advised for an aligned bias reads 16 bytes at once.
  if (algorithm->data[1] && !on_16_bytes(*d)) return CUBLAS_STATUS_EXECUTION_FAILED;
  const float one = 1, zero = 0;
  auto* handle = reinterpret_cast<cublasHandle_t>(lt);
  if (emulator::device_of(stream) != handle->device) return CUBLAS_STATUS_INVALID_VALUE;
  cublasSetStream(handle, stream);
  const auto product = [&](int cols, int depth, const void* times, const void* left,
                           int64_t left_ld, cublasOperation_t op_left, const void* right,
                           int64_t right_ld, cublasOperation_t op_right, const void* keep,
                           int count) {
    const cudaDataType type = c_layout->type;
    return cublasGemmStridedBatchedEx_64(handle, op_left, op_right, int(m), cols, depth, times,
                                         left, type, int(left_ld), 0, right, type, int(right_ld), 0,
                                         keep, result, type, int(c_layout->ld), c_layout->ld, count,
                                         d->compute, CUBLAS_GEMM_DEFAULT);
  };
  cublasStatus_t status = product(1, 1, &one, d->bias, int64_t(m), CUBLAS_OP_N,
                                  unit(c_layout->type), 1, CUBLAS_OP_N, &zero, int(n));
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  status =
      product(int(n), int(k), alpha, a, a_layout->ld, d->op_a, b, b_layout->ld, d->op_b, &one, 1);
  if (status != CUBLAS_STATUS_SUCCESS || d->epilogue == CUBLASLT_EPILOGUE_BIAS) return status;
  const auto apply = [=, d = *d, type = c_layout->type, ld = c_layout->ld] {
    const emulator::DeviceMemoryOpen open;
    const auto run = [&]<class T>(T) {
      gelu(static_cast<T*>(result), ld, static_cast<T*>(d.aux), d.aux_ld, int64_t(m), int64_t(n));
    };
    if (type == CUDA_R_32F)
      run(float());
    else if (type == CUDA_R_16F)
      run(papilio::Float16());
    else
      run(papilio::BFloat16());
    return cudaSuccess;
  };
  return emulator::perform(apply) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                                 : CUBLAS_STATUS_EXECUTION_FAILED;
}

// All of them are in the program itself.
const papilio::cuda::CublasFunctions& papilio::cuda::cublas() {
#define PAPILIO_ADDRESS(name) &::cublas##name,
  static const CublasFunctions functions{PAPILIO_CUBLAS_FUNCTIONS(PAPILIO_ADDRESS)
                                             PAPILIO_CUBLASLT_FUNCTIONS(PAPILIO_ADDRESS)};
#undef PAPILIO_ADDRESS
  return functions;
}
