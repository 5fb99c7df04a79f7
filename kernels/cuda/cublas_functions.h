// The functions of cuBLAS and cuBLASLt that products call, cublas().Create for cublasCreate. The
// libraries, 600 MB that take a tenth of a second to load, are loaded by the first product: a
// program that stays on the CPU starts without them.
#pragma once

#include <cublasLt.h>
#include <cublas_v2.h>

namespace papilio::cuda {

#define PAPILIO_CUBLAS_FUNCTIONS(F) \
  F(Create)                         \
  F(Destroy)                        \
  F(GemmStridedBatchedEx_64)        \
  F(GetStatusString)                \
  F(SetMathMode)                    \
  F(SetStream)                      \
  F(SetWorkspace)
// Those named _internal stand behind the header's inline functions of the same name without.
#define PAPILIO_CUBLASLT_FUNCTIONS(F) \
  F(LtMatmul)                         \
  F(LtMatmulAlgoGetHeuristic)         \
  F(LtMatmulDescInit_internal)        \
  F(LtMatmulDescSetAttribute)         \
  F(LtMatmulPreferenceInit_internal)  \
  F(LtMatmulPreferenceSetAttribute)   \
  F(LtMatrixLayoutInit_internal)

#define PAPILIO_DECLARE(name) decltype(&::cublas##name) name;  // NOLINT(bugprone-macro-parentheses)
struct CublasFunctions {
  PAPILIO_CUBLAS_FUNCTIONS(PAPILIO_DECLARE)
  PAPILIO_CUBLASLT_FUNCTIONS(PAPILIO_DECLARE)
};
#undef PAPILIO_DECLARE

// Throws Error with the loader's words if a library or a function is missing.
const CublasFunctions& cublas();

}  // namespace papilio::cuda
