// A product, its bias and the GELU behind it in one kernel: cuBLASLt adds and applies them before
// the sums leave the registers.
#include <bit>
#include <compare>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "kernels/copy.h"
#include "kernels/cuda/blas.h"
#include "kernels/gemm.h"

namespace papilio::cuda {
namespace {

// By columns, the memory of a row-major C holds C^T = B^T A^T: b comes first, and the bias of C's
// columns is one of C^T's rows.
struct Product {
  int n, m, k;
  Matrix right, left, to;  // b, a, c
  const void* bias;
  cublasLtEpilogue_t epilogue;
  void* before;  // null, or where GELU's input goes
  DType dtype;
  cublasComputeType_t compute;
};

// What the choice of an algorithm depends on.
struct Choice {
  int device, n, m, k, right_ld, left_ld, to_ld;
  bool right_by_rows, left_by_rows;
  cublasLtEpilogue_t epilogue;
  DType dtype;
  cublasComputeType_t compute;
  uint32_t alignment;
  auto operator<=>(const Choice&) const = default;  // NOLINT(modernize-use-nullptr)
};

// How cuBLASLt sees a product.
struct Description {
  cublasLtMatmulDescOpaque_t product;
  cublasLtMatrixLayoutOpaque_t right, left, to;

  explicit Description(const Product& p) {
    const cudaDataType type = type_of(p.dtype);
    check(cublas().LtMatmulDescInit_internal(&product, sizeof product, p.compute, CUDA_R_32F),
          "cublasLtMatmulDescInit");
    set(CUBLASLT_MATMUL_DESC_TRANSA, int32_t(p.right.by_rows ? CUBLAS_OP_N : CUBLAS_OP_T));
    set(CUBLASLT_MATMUL_DESC_TRANSB, int32_t(p.left.by_rows ? CUBLAS_OP_N : CUBLAS_OP_T));
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, uint32_t(p.epilogue));
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
    if (p.before != nullptr) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, p.before);
      set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int64_t(p.n));
    }
    const auto layout = [type](cublasLtMatrixLayout_t to, const Matrix& x, int rows, int cols) {
      if (!x.by_rows) std::swap(rows, cols);
      check(cublas().LtMatrixLayoutInit_internal(to, sizeof *to, type, uint64_t(rows),
                                                 uint64_t(cols), x.ld),
            "cublasLtMatrixLayoutInit");
    };
    layout(&right, p.right, p.n, p.k);
    layout(&left, p.left, p.k, p.m);
    layout(&to, p.to, p.n, p.m);
  }

 private:
  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
    check(cublas().LtMatmulDescSetAttribute(&product, attribute, &value, sizeof(value)),
          "cublasLtMatmulDescSetAttribute");
  }
};

// That of the device in use: a context of cuBLAS is one of cuBLASLt, and belongs to its device.
cublasLtHandle_t handle() {
  return reinterpret_cast<cublasLtHandle_t>(blas_handle());
}

// cuBLASLt's first advice, of use if the status is success; not supported: it has none.
struct Advice {
  cublasStatus_t status;
  cublasLtMatmulAlgo_t algorithm;
};

// Partial sums are added in the type that is computed in, and in a fixed order.
Advice ask(Description& d, uint32_t alignment) {
  cublasLtMatmulPreferenceOpaque_t preference;
  check(cublas().LtMatmulPreferenceInit_internal(&preference, sizeof preference),
        "cublasLtMatmulPreferenceInit");
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    check(cublas().LtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof(value)),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t(kBlasWorkspace));
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  for (const auto of :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    set(of, alignment);
  cublasLtMatmulHeuristicResult_t found = {};
  int count = 0;
  const cublasStatus_t status = cublas().LtMatmulAlgoGetHeuristic(
      handle(), &d.product, &d.right, &d.left, &d.to, &d.to, &preference, 1, &found, &count);
  if (status != CUBLAS_STATUS_SUCCESS) return {status, {}};
  if (count == 0) return {CUBLAS_STATUS_NOT_SUPPORTED, {}};
  return {found.state, found.algo};
}

// Asked once a kind of product: asking costs more than launching. A failure that may pass is not
// kept.
class Algorithms {
 public:
  std::optional<cublasLtMatmulAlgo_t> of(const Choice& choice, Description& d) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(choice);
    if (found != known_.end()) return found->second;
    const Advice advice = ask(d, choice.alignment);
    if (advice.status == CUBLAS_STATUS_SUCCESS) return known_[choice] = advice.algorithm;
    if (advice.status == CUBLAS_STATUS_NOT_SUPPORTED) known_[choice] = {};
    return {};
  }
  // It was advised and then refused.
  void has_none(const Choice& choice) {
    const std::lock_guard lock(mutex_);
    known_[choice] = {};
  }

 private:
  std::mutex mutex_;
  std::map<Choice, std::optional<cublasLtMatmulAlgo_t>> known_;
};

uintptr_t address(const void* data) {
  return reinterpret_cast<uintptr_t>(data);
}

Choice choice_of(const Product& p) {
  const uintptr_t places = address(p.right.data) | address(p.left.data) | address(p.to.data);
  const auto alignment = uint32_t(1) << std::countr_zero(uint32_t(places) | 256u);
  return {device_in_use(), p.n,        p.m,     p.k,
          p.right.ld,      p.left.ld,  p.to.ld, p.right.by_rows,
          p.left.by_rows,  p.epilogue, p.dtype, p.compute,
          alignment};
}

bool with_epilogue(const View& c, const ConstView& a, const ConstView& b, const ConstView& bias,
                   cublasLtEpilogue_t epilogue, void* before = nullptr) {
  static auto& algorithms = *new Algorithms;
  const Matrix to = matrix(c);
  if (c.rank != 2 || c.dtype == DType::float64 || !to.by_rows || a.size(-1) == 0) return false;
  // Advice depends on where these lie: always alike, so that it holds for each of a kind.
  if ((address(bias.data) | address(before)) % 16 != 0) return false;
  const Product p{int(c.size(-1)),
                  int(c.size(-2)),
                  int(a.size(-1)),
                  matrix(b),
                  matrix(a),
                  to,
                  bias.data,
                  epilogue,
                  before,
                  c.dtype,
                  compute_type_of(c.dtype)};
  Description d(p);
  const Choice choice = choice_of(p);
  const auto chosen = algorithms.of(choice, d);
  if (!chosen) return false;
  const float one = 1, zero = 0;
  const cublasStatus_t status = cublas().LtMatmul(
      handle(), &d.product, &one, p.right.data, &d.right, p.left.data, &d.left, &zero, c.data,
      &d.to, c.data, &d.to, &*chosen, blas_workspace(), kBlasWorkspace, stream());
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) {
    algorithms.has_none(choice);
    return false;
  }
  check(status, "cublasLtMatmul");
  return true;
}

}  // namespace

void gemm_bias(View c, ConstView a, ConstView b, ConstView bias) {
  if (c.numel() == 0) return;
  if (with_epilogue(c, a, b, bias, CUBLASLT_EPILOGUE_BIAS)) return;
  ConstView rows = c;
  rows.data = bias.data;
  for (int d = 0; d + 1 < rows.rank; ++d) rows.strides[d] = 0;
  rows.strides[rows.rank - 1] = 1;
  copy(c, rows);
  gemm(c, a, b, 1, 1);
}

bool gemm_bias_gelu(View c, View before, ConstView a, ConstView b, ConstView bias) {
  if (c.numel() == 0) return true;
  if (!before.data) return with_epilogue(c, a, b, bias, CUBLASLT_EPILOGUE_GELU_BIAS);
  // It wants GELU's input in rows of multiples of 8.
  return c.size(-1) % 8 == 0 &&
         with_epilogue(c, a, b, bias, CUBLASLT_EPILOGUE_GELU_AUX_BIAS, before.data);
}

}  // namespace papilio::cuda
