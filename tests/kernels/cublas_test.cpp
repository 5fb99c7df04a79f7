#include <doctest/doctest.h>

namespace papilio::cuda {
struct CublasFunctions;
const CublasFunctions& cublas();  // kernels/cuda/cublas_functions.h, which wants cuBLAS' headers
}  // namespace papilio::cuda

TEST_CASE("cuBLAS is loaded when asked for, with every function that products call") {
  CHECK_NOTHROW(papilio::cuda::cublas());
}
