#include <cublas_v2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/dtype.h"
#include "tests/emulator/device.h"
#include "tests/emulator/graph.h"
#include "tests/emulator/streams.h"

namespace {

using papilio::compute_t;

// x, `rows` by `cols` after op, column after column.
template <class T>
std::vector<compute_t<T>> dense(const T* x, cublasOperation_t op, int64_t rows, int64_t cols,
                                int64_t ld) {
  std::vector<compute_t<T>> y;
  y.reserve(size_t(rows) * size_t(cols));
  for (int64_t j = 0; j < cols; ++j)
    for (int64_t i = 0; i < rows; ++i)
      y.push_back(compute_t<T>(op == CUBLAS_OP_N ? x[i + j * ld] : x[j + i * ld]));
  return y;
}

// C = alpha A B + beta C; C is not read if beta is 0.
template <class T>
void product(cublasOperation_t op_a, cublasOperation_t op_b, int64_t m, int64_t n, int64_t k,
             const void* alpha, const T* a, int64_t lda, const T* b, int64_t ldb, const void* beta,
             T* c, int ldc) {
  using C = compute_t<T>;
  const C times = *static_cast<const C*>(alpha), keep = *static_cast<const C*>(beta);
  const std::vector<C> x = dense(a, op_a, m, k, lda), y = dense(b, op_b, k, n, ldb);
  std::vector<C> sum;
  for (int64_t j = 0; j < n; ++j) {
    sum.assign(size_t(m), C(0));
    for (int64_t p = 0; p < k; ++p)
      for (int64_t i = 0; i < m; ++i) sum[size_t(i)] += x[size_t(p * m + i)] * y[size_t(j * k + p)];
    for (int64_t i = 0; i < m; ++i) {
      T& to = c[i + j * ldc];
      to = T(keep == 0 ? times * sum[size_t(i)] : times * sum[size_t(i)] + keep * C(to));
    }
  }
}

int handles = 0, fail_in = 0;

}  // namespace

void emulator::fail_blas(int k) {
  fail_in = k;
}
int emulator::blas_handles() {
  return handles;
}

const char* cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "success" : "an unsupported value or parameter";
}
cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  if (fail_in > 0)  // both of cuBLAS's words for it
    return fail_in-- % 2 == 0 ? CUBLAS_STATUS_ALLOC_FAILED : CUBLAS_STATUS_NOT_INITIALIZED;
  int device = 0;
  cudaGetDevice(&device);
  ++handles;
  *handle = new EmulatedBlas{device, nullptr};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  --handles;
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  if (emulator::device_of(stream) != handle->device) return CUBLAS_STATUS_INVALID_VALUE;
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t, void*, size_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) {
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmStridedBatchedEx_64(
    cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int64_t m, int64_t n,
    int64_t k, const void* alpha, const void* a, cudaDataType a_type, int64_t lda,
    long long stride_a, const void* b, cudaDataType b_type, int64_t ldb, long long stride_b,
    const void* beta, void* c, cudaDataType c_type, int64_t ldc, long long stride_c, int64_t batch,
    cublasComputeType_t compute, cublasGemmAlgo_t) {
  const bool wrong = handle->stream == nullptr || a == nullptr || b == nullptr || m < 0 || n < 0 ||
                     k < 0 || batch < 0 || a_type != c_type || b_type != c_type ||
                     lda < std::max<int64_t>(1, op_a == CUBLAS_OP_N ? m : k) ||
                     ldb < std::max<int64_t>(1, op_b == CUBLAS_OP_N ? k : n) ||
                     ldc < std::max<int64_t>(1, m) ||
                     (compute == CUBLAS_COMPUTE_64F) != (c_type == CUDA_R_64F);
  if (wrong) return CUBLAS_STATUS_INVALID_VALUE;
  // The host's numbers are taken now, whenever the product is made.
  const size_t number = compute == CUBLAS_COMPUTE_64F ? sizeof(double) : sizeof(float);
  std::array<char, sizeof(double)> times{}, keep{};
  std::memcpy(times.data(), alpha, number);
  std::memcpy(keep.data(), beta, number);
  emulator::ask(handle->stream);
  const cudaError_t status = emulator::perform([=] {
    const emulator::DeviceMemoryOpen open;
    const auto run = [&]<class T>(T) {
      for (int64_t i = 0; i < batch; ++i)
        product(op_a, op_b, m, n, k, times.data(), static_cast<const T*>(a) + i * stride_a, lda,
                static_cast<const T*>(b) + i * stride_b, ldb, keep.data(),
                static_cast<T*>(c) + i * stride_c, ldc);
    };
    switch (c_type) {
      case CUDA_R_32F:
        run(float());
        break;
      case CUDA_R_64F:
        run(double());
        break;
      case CUDA_R_16F:
        run(papilio::Float16());
        break;
      case CUDA_R_16BF:
        run(papilio::BFloat16());
        break;
    }
    return cudaSuccess;
  });
  return status == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
