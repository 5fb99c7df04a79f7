// What a build without nvcc answers in the CUDA backend's place.
#include <doctest/doctest.h>

#include <string>

#include "kernels/cuda.h"
#include "kernels/cuda_graph.h"
#include "kernels/cuda_streams.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/nccl.h"
#include "kernels/softmax.h"
#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::test {

TEST_CASE("a build without nvcc: no devices, and each kernel says what is missing") {
  if (cuda::is_built()) return;
  constexpr const char* kMissing =
      "cuda: this build of Papilio has no CUDA backend; configure it with -Dcuda=enabled, which "
      "needs nvcc";
  CHECK(cuda::device_count() == 0);
  CHECK_FALSE(cuda::recording());
  CHECK_THROWS_WITH_AS(cuda::softmax({}, {}), kMissing, Error);
  CHECK_THROWS_WITH_AS(cuda::map({}, {}, functor::Relu()), kMissing, Error);
  CHECK_THROWS_WITH_AS(cuda::allocate(1, 0), kMissing, Error);
  CHECK_THROWS_WITH_AS(cuda::stream_number(0), kMissing, Error);
  CHECK_THROWS_WITH_AS(cuda::order_streams(cuda::kLegacyStream, 4, 0), kMissing, Error);
  CHECK_THROWS_WITH_AS(ones({2}, {.device = Device::cuda()}),
                       "empty: device cuda:0 is not available: this build of Papilio has no CUDA "
                       "backend; configure it with -Dcuda=enabled, which needs nvcc",
                       ArgumentError);
}

TEST_CASE("a build without nvcc or nccl.h: what would begin NCCL says what is missing") {
  if (cuda::is_built()) return;
  const std::string missing = cuda::why_no_nccl();
  CHECK(missing ==
        "this build of Papilio has no NCCL: build it with -Dnccl=enabled, which needs "
        "nvcc and nccl.h of 2.14 or newer");
  CHECK_THROWS_WITH_AS(cuda::nccl_version(), missing.c_str(), Error);
  CHECK_THROWS_WITH_AS(cuda::make_nccl_id(), missing.c_str(), Error);
  CHECK_THROWS_WITH_AS(cuda::pci_bus_id(0), missing.c_str(), Error);
  CHECK_THROWS_WITH_AS(cuda::nccl_init({}, 1, 0, 0), missing.c_str(), Error);
}

}  // namespace papilio::test
