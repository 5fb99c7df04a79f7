#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

#include "kernels/copy.h"
#include "kernels/cuda.h"
#include "kernels/cuda/blas.h"
#include "kernels/error.h"
#include "kernels/gemm.h"
#include "kernels/rows.h"

namespace papilio::cuda {
namespace {

std::atomic<bool> tf32 = false;

// cublasCreate's words for it; the second ones are the more frequent.
bool short_of_memory(cublasStatus_t status) {
  return status == CUBLAS_STATUS_ALLOC_FAILED || status == CUBLAS_STATUS_NOT_INITIALIZED;
}

// One handle a device, on the device's stream and with a workspace of its own: then the same
// product has the same bits each time. Made for the device in use.
class Handle {
 public:
  Handle() {
    cublasHandle_t made = nullptr;
    cublasStatus_t status = cublas().Create(&made);
    if (short_of_memory(status)) {  // once more with what the pool has kept
      empty_cache(device_in_use());
      status = cublas().Create(&made);
    }
    check(short_of_memory(status) ? CUBLAS_STATUS_ALLOC_FAILED : status, "cublasCreate");
    cublas_.reset(made);
    check(cublas().SetStream(made, stream()), "cublasSetStream");
    check(cublas().SetWorkspace(made, workspace(), kBlasWorkspace), "cublasSetWorkspace");
    // Products of 16-bit types are summed in float32 to their end.
    check(cublas().SetMathMode(made, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION),
          "cublasSetMathMode");
  }
  cublasHandle_t get() const { return cublas_.get(); }
  void* workspace() const { return workspace_.data(); }

 private:
  struct Destroy {
    void operator()(cublasHandle_t handle) const { cublas().Destroy(handle); }
  };
  Scratch<unsigned char> workspace_{kBlasWorkspace};
  std::unique_ptr<std::remove_pointer_t<cublasHandle_t>, Destroy> cublas_;
};

// The handle of the device in use; made at its first product, never taken down.
const Handle& handle() {
  static std::mutex mutex;
  static auto& handles = *new std::array<std::unique_ptr<Handle>, 64>;
  const int device = device_in_use();
  const std::lock_guard lock(mutex);
  auto& found = handles.at(size_t(device));
  if (found == nullptr) found = std::make_unique<Handle>();
  return *found;
}

ConstView leading(ConstView v) {
  v.rank -= 2;
  return v;
}

template <class V>
V transposed(V v) {
  std::swap(v.shape[v.rank - 2], v.shape[v.rank - 1]);
  std::swap(v.strides[v.rank - 2], v.strides[v.rank - 1]);
  return v;
}

}  // namespace

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  if (status == CUBLAS_STATUS_ALLOC_FAILED) {
    const int device = device_in_use();
    const DeviceMemory m = memory(device);
    throw OutOfMemoryError("out of memory on cuda:" + std::to_string(device) + ": requested by " +
                           what + "; " + std::to_string(m.free) + " free of " +
                           std::to_string(m.total));
  }
  throw Error(std::string("cuda: ") + what + ": " + cublas().GetStatusString(status));
}

cublasHandle_t blas_handle() {
  return handle().get();
}

void* blas_workspace() {
  return handle().workspace();
}

Matrix matrix(const ConstView& v) {
  const int64_t rows = v.size(-2), cols = v.size(-1);
  const int64_t row_stride = v.strides[v.rank - 2], col_stride = v.strides[v.rank - 1];
  const auto* data = static_cast<const char*>(v.data);
  const int64_t wide = std::max<int64_t>(cols, 1), tall = std::max<int64_t>(rows, 1);
  if ((cols <= 1 || col_stride == 1) && (rows <= 1 || row_stride >= wide))
    return {data, int(rows <= 1 ? wide : row_stride), true};
  return {data, int(cols <= 1 ? tall : col_stride), false};
}

cudaDataType type_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return CUDA_R_64F;
    case DType::bfloat16:
      return CUDA_R_16BF;
    case DType::float16:
      return CUDA_R_16F;
    default:
      return CUDA_R_32F;
  }
}

cublasComputeType_t compute_type_of(DType dtype) {
  if (dtype == DType::float64) return CUBLAS_COMPUTE_64F;
  if (dtype == DType::float32 && tf32) return CUBLAS_COMPUTE_32F_FAST_TF32;
  return CUBLAS_COMPUTE_32F;
}

void allow_tf32(bool on) {
  tf32 = on;
}
bool tf32_allowed() {
  return tf32;
}

// By columns, the memory of a row-major C holds C^T = B^T A^T: cuBLAS gets b first.
void gemm(View c, ConstView a, ConstView b, double alpha, double beta) {
  if (c.numel() == 0) return;
  if (a.size(-1) == 0) {  // an empty sum; a and b may have no memory
    if (beta == 0) fill(c, 0);
    if (beta == 0 || beta == 1) return;
  }
  if (!matrix(c).by_rows) {
    c = transposed(c);
    a = transposed(std::exchange(b, transposed(a)));
  }
  const Matrix left = matrix(a), right = matrix(b), to = matrix(c);
  const auto n = int(c.size(-1)), m = int(c.size(-2)), k = int(a.size(-1));
  const cudaDataType type = type_of(c.dtype);
  const float alpha32 = float(alpha), beta32 = float(beta);
  const bool precise = c.dtype == DType::float64;
  const void* times = precise ? static_cast<const void*>(&alpha) : &alpha32;
  const void* keep = precise ? static_cast<const void*>(&beta) : &beta32;
  const auto size = int64_t(size_of(c.dtype));
  const Rows<3> batch(leading(c), leading(a), leading(b));
  batch.walk(0, batch.numel(), [&](const int64_t* at, int64_t count) {
    check(cublas().GemmStridedBatchedEx_64(
              handle().get(), right.by_rows ? CUBLAS_OP_N : CUBLAS_OP_T,
              left.by_rows ? CUBLAS_OP_N : CUBLAS_OP_T, n, m, k, times, right.data + at[2] * size,
              type, right.ld, batch.step(2), left.data + at[1] * size, type, left.ld, batch.step(1),
              keep, static_cast<char*>(c.data) + at[0] * size, type, to.ld, batch.step(0),
              int(count), compute_type_of(c.dtype), CUBLAS_GEMM_DEFAULT),
          "cublasGemmStridedBatchedEx");
  });
}

}  // namespace papilio::cuda
