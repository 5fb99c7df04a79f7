// The backend below the operations: several devices, cuBLAS, shared memory, and what errors say.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/matmul.h"
#include "boft/ops/cayley.h"
#include "kernels/cuda/launch.h"
#include "kernels/error.h"
#include "kernels/gemm.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"
#include "tensor/random.h"
#include "tests/emulator/block.h"
#include "tests/emulator/device.h"

namespace papilio::cuda {
namespace {

template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// The shared memory that each launch of f() asks for.
template <class F>
std::vector<size_t> shared_of_launches(F f) {
  std::vector<size_t> bytes;
  emulator::watch_launches([&](emulator::Launch& launch) { bytes.push_back(launch.shared_bytes); });
  f();
  emulator::watch_launches(nullptr);
  return bytes;
}

}  // namespace

TEST_CASE("memory and copies of another device leave the one in use as it is") {
  use_device(0);
  {
    const Tensor there = empty({5}, {.device = Device::cuda(1)});
    CHECK(device_in_use() == 0);
    float values[5] = {1, 2, 3, 4, 5};
    copy_from_host(view(there).data, values, sizeof values, 1);
    CHECK(device_in_use() == 0);
    copy_to_host(values, view(there).data, sizeof values, 1);
    CHECK(device_in_use() == 0);
    CHECK(values[4] == 5);
    memory(1);
    synchronize(1);
    empty_cache(1);
    CHECK(device_in_use() == 0);
    use_device(0);
  }
  CHECK(device_in_use() == 0);
}

TEST_CASE(
    "each device computes its own; cuBLAS without memory says so, leaks nothing and recovers") {
  manual_seed(1);
  const Tensor a = randn({3, 4}), b = randn({4, 2});
  const Device there = Device::cuda(1);
  const Tensor x = copy_of(a, there), y = copy_of(b, there);
  const size_t before = emulator::allocations_alive();
  const int handles = emulator::blas_handles();
  emulator::fail_blas(2);  // the pool's unused memory is given back and tried once more
  const std::string error = error_of([&] { matmul(x, y); });
  CHECK(error.starts_with("out of memory on cuda:1: requested by cublasCreate; "));
  CHECK(error.ends_with(" free of 1073741824"));
  CHECK(emulator::allocations_alive() == before);
  CHECK(emulator::blas_handles() == handles);
  emulator::fail_blas(1);
  const Tensor second = matmul(x, y);
  CHECK(emulator::blas_handles() == handles + 1);
  CHECK(second.device() == there);
  const Tensor first = matmul(copy_of(a, Device::cuda()), copy_of(b, Device::cuda()));
  CHECK(first.to_vector() == second.to_vector());
}

TEST_CASE("a device without memory pools says so") {
  const std::string error = error_of([] { empty({1}, {.device = Device::cuda(3)}); });
  CHECK(error ==
        "cuda: device 3 has no memory pools (cudaMallocAsync), which all memory here comes from");
  use_device(0);
}

TEST_CASE("an error of a kernel that ran before is not laid to the one whose launch finds it") {
  emulator::fail_launch(1);
  const std::string error = error_of([] { fill_(empty({3}, {.device = Device::cuda()}), 1); });
  CHECK(error.ends_with(
      ": unspecified launch failure (in this kernel or one before it; PAPILIO_CUDA_SYNC=1 tells)"));
}

TEST_CASE("a product without inner dimension is 0, or what was there, without cuBLAS") {
  const TensorOptions there{.device = Device::cuda()};
  const Tensor c = matmul(empty({2, 0}, there), empty({0, 3}, there));
  CHECK(c.to_vector() == std::vector<float>(6, 0.f));
  fill_(c, 7);
  gemm(view(c), view(empty({2, 0}, there)), view(empty({0, 3}, there)), 1, 1);
  CHECK(c.to_vector() == std::vector<float>(6, 7.f));
}

TEST_CASE("a product, its bias and GELU by tanh are one kernel of cuBLASLt's where it has one") {
  // Our own kernels behind the product.
  const auto launches = [](int64_t outputs, bool recorded, GeluApproximate approximate) {
    const Tensor x = copy_of(randn({4, 8}), Device::cuda()),
                 w = copy_of(randn({outputs, 8}), Device::cuda());
    Tensor bias = copy_of(randn({outputs}), Device::cuda());
    set_requires_grad(bias, recorded);
    return shared_of_launches([&] { linear_gelu(x, w, bias, approximate); }).size();
  };
  CHECK(launches(16, true, GeluApproximate::tanh) == 0);
  CHECK(launches(16, false, GeluApproximate::tanh) == 0);
  CHECK(launches(16, true, GeluApproximate::none) == 1);
  CHECK(launches(12, false, GeluApproximate::tanh) == 0);
  CHECK(launches(12, true, GeluApproximate::tanh) == 1);  // GELU's input wants rows of 8, 16, ...
}

TEST_CASE("Cayley works in shared memory as far as the device has it, with the same result") {
  manual_seed(2);
  const auto run = [](int64_t b) {
    const Tensor r = leaf(copy_of(randn({2, b, b}) * 0.1, Device::cuda()));
    std::vector<std::vector<float>> results;
    const auto bytes = shared_of_launches([&] {
      const Tensor q = cayley(r);
      backward(q, ones(q.shape(), {.device = Device::cuda()}));
      results = {q.to_vector(), grad(r).to_vector()};
    });
    const size_t most = *std::max_element(bytes.begin(), bytes.end());
    return std::pair(most, results);
  };
  const auto [shared, values] = run(64);
  CHECK(shared == 3 * 64 * 64 * sizeof(float));
  CHECK(run(128).first == 3 * 128 * 128 * sizeof(float));
  // sm_86 has 99 KiB: the forward pass of 128 x 128 fits, the backward does not.
  emulator::set_max_shared(99 * 1024);
  CHECK(run(128).first == (128 * 128 + 2 * 128) * sizeof(float));
  manual_seed(2);
  emulator::set_max_shared(48 * 1024);
  const auto [none, same] = run(64);
  CHECK(none < 48 * 1024);
  CHECK(same == values);
  emulator::set_max_shared(emulator::kMaxSharedOptin);
}

}  // namespace papilio::cuda
