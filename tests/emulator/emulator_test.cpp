// The emulator itself: that it runs kernels as a GPU does, and that it finds what is wrong with
// them.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/row.h"
#include "kernels/error.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/emulator/device.h"
#include "tests/tensor/faults.h"

namespace papilio::cuda {
namespace {

using emulator::Order;

// --- kernels ---

// Reverses each block's elements through shared memory; proper only if the block waits.
enum Wait { nobody, warp, block };
template <Wait waits>
__global__ void reverse_block(float* y, const float* x) {
  SHARED(float, tile, 64);
  const unsigned first = blockIdx.x * blockDim.x;
  tile[threadIdx.x] = x[first + threadIdx.x];
  if (waits == block) __syncthreads();
  if (waits == warp) __syncwarp();
  y[first + threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

__global__ void sum_block(float* sum, const float* x) {
  const float s = join_block(x[threadIdx.x], Plus());
  if (threadIdx.x == blockDim.x - 1) *sum = s;
}

__global__ void where_am_i(int64_t* at) {
  const int64_t block =
      blockIdx.x + int64_t(gridDim.x) * (blockIdx.y + int64_t(gridDim.y) * blockIdx.z);
  const int64_t thread =
      threadIdx.x + int64_t(blockDim.x) * (threadIdx.y + int64_t(blockDim.y) * threadIdx.z);
  at[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 1000 + thread;
}

__global__ void warp_functions(int* y) {
  const int t = int(threadIdx.x), n = int(blockDim.x);
  y[t] = __shfl_sync(kAllLanes, t, 5);
  y[n + t] = __shfl_xor_sync(kAllLanes, t, 3);
  y[2 * n + t] = __shfl_down_sync(kAllLanes, t, 1, 8);
  y[3 * n + t] = __shfl_up_sync(kAllLanes, t, 2);
  y[4 * n + t] = int(__ballot_sync(kAllLanes, t % 2 == 0));
  y[5 * n + t] = __any_sync(kAllLanes, t == 40) * 2 + __all_sync(kAllLanes, t >= 32);
}

__global__ void write_at(float* x, int64_t i) {
  x[i] = 1;
}

__global__ void write_shared_at(int i) {
  SHARED(float, tile, 8);
  tile[i] = 0;
}

__global__ void fetch_dynamic(float* y) {
  DYNAMIC_SHARED(float, tile);
  y[threadIdx.x] = tile[threadIdx.x];
}

__global__ void half_waits() {
  if (threadIdx.x < 32) __syncthreads();
}

// --- help ---

Tensor on_device(const std::vector<float>& values) {
  return copy_of(tensor<float>(values), Device::cuda());
}

template <class T>
T* pointer(const Tensor& x) {
  return static_cast<T*>(x.raw_data());
}

const std::vector<Order> orders = {
    {Order::forward}, {Order::reverse}, {Order::random, 1}, {Order::random, 2}};

// Runs f in an order and goes back to the one before.
template <class F>
auto in_order(Order order, F f) {
  const Order before = emulator::order();
  emulator::set_order(order);
  auto result = f();
  emulator::set_order(before);
  return result;
}

std::vector<float> reverse_blocks(Wait waits) {
  std::vector<float> values(128);
  std::iota(values.begin(), values.end(), 0.f);
  const Tensor x = on_device(values), y = empty_like(x);
  const auto kernel = waits == block  ? reverse_block<block>
                      : waits == warp ? reverse_block<warp>
                                      : reverse_block<nobody>;
  launch(kernel, 2, 64, 0, stream(), pointer<float>(y), pointer<const float>(x));
  return y.to_vector();
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a missing barrier changes the result in every order but none with the barrier") {
  std::vector<float> want(128);
  for (size_t i = 0; i < 128; ++i) want[i] = float(i - i % 64 + 63 - i % 64);
  for (const Order order : orders) {
    CHECK(in_order(order, [] { return reverse_blocks(block); }) == want);
    // What has not been written yet is NaN: nothing left over from the block before hides it.
    CHECK(in_order(order, [] { return reverse_blocks(nobody); }) != want);
    // A warp that waits for its own lanes is not held up by the others.
    if (order.kind != Order::random)
      CHECK(in_order(order, [] { return reverse_blocks(warp); }) != want);
  }
}

TEST_CASE("sums of a block have the same bits in every order") {
  std::vector<float> values(256);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(float(i));
  const Tensor x = on_device(values), y = on_device({0});
  std::vector<float> sums;
  sums.reserve(orders.size());
  for (const Order order : orders) {
    sums.push_back(in_order(order, [&] {
      launch(sum_block, 1, 256, 0, stream(), pointer<float>(y), pointer<const float>(x));
      return y.item<float>();
    }));
  }
  CHECK(sums[0] == doctest::Approx(std::accumulate(values.begin(), values.end(), 0.0)));
  for (float sum : sums) CHECK(sum == sums[0]);
}

TEST_CASE("every thread of every block runs once and knows where it is") {
  const Tensor at = empty({12 * 30}, {DType::int64, Device::cuda()});
  for (const Order order : orders) {
    fill_(at, -1);
    in_order(order, [&] {
      launch(where_am_i, dim3(2, 3, 2), dim3(5, 2, 3), 0, stream(), pointer<int64_t>(at));
      return 0;
    });
    const auto values = at.to_vector<int64_t>();
    for (int64_t i = 0; i < 360; ++i) CHECK(values[size_t(i)] == i / 30 * 1000 + i % 30);
  }
}

TEST_CASE("warp functions") {
  constexpr int n = 64;
  const Tensor y = empty({6 * n}, {DType::int32, Device::cuda()});
  for (const Order order : orders) {
    in_order(order, [&] {
      launch(warp_functions, 1, n, 0, stream(), pointer<int>(y));
      return 0;
    });
    const auto v = y.to_vector<int32_t>();
    for (int t = 0; t < n; ++t) {
      const auto at = [&](int k) { return v[size_t(k) * n + size_t(t)]; };
      CHECK(at(0) == t / 32 * 32 + 5);
      CHECK(at(1) == (t ^ 3));
      CHECK(at(2) == (t % 8 == 7 ? t : t + 1));
      CHECK(at(3) == (t % 32 < 2 ? t : t - 2));
      CHECK(at(4) == 0x55555555);
      CHECK(at(5) == (t < 32 ? 0 : 3));
    }
  }
}

TEST_CASE("writing outside an allocation or a shared array is found") {
  const Tensor x = on_device({1, 2, 3});
  for (int64_t i : {-1, 3}) {
    const std::string error =
        error_of([&] { launch(write_at, 1, 1, 0, stream(), pointer<float>(x), i); });
    CHECK(error.find("write_at") != std::string::npos);
    CHECK(error.find("an illegal memory access was encountered") != std::string::npos);
    CHECK(emulator::last_report().find(i < 0 ? "wrote before an allocation of 12 bytes"
                                             : "wrote behind an allocation of 12 bytes") !=
          std::string::npos);
  }
  for (int i : {-1, 8}) CHECK_THROWS_AS(launch(write_shared_at, 1, 1, 0, stream(), i), Error);
  launch(write_shared_at, 1, 1, 0, stream(), 7);
}

TEST_CASE("the memory of a launch is full of NaN, and that of a new tensor") {
  const Tensor y = on_device(std::vector<float>(16, 0.f));
  launch(fetch_dynamic, 1, 16, 16 * sizeof(float), stream(), pointer<float>(y));
  for (float v : y.to_vector()) CHECK(std::isnan(v));
  for (float v : empty_like(y).to_vector()) CHECK(std::isnan(v));
}

TEST_CASE("threads that wait for each other for ever are told from those that do not") {
  CHECK_THROWS_AS(launch(half_waits, 1, 64, 0, stream()), Error);
  CHECK(emulator::last_report().find(
            "wait for each other for ever: 32 threads have ended, 32 wait for the block") !=
        std::string::npos);
}

TEST_CASE("a failed launch names its kernel, and the next one works") {
  emulator::fail_launch(1);
  const std::string error = error_of([] { reverse_blocks(block); });
  CHECK(error.find("reverse_block<") != std::string::npos);
  CHECK(
      error.find("grid (2, 1, 1), block (64, 1, 1), 0 bytes shared: unspecified launch failure") !=
      std::string::npos);
  CHECK(reverse_blocks(block)[0] == 63);
  CHECK(error_of([] { launch(half_waits, 1, 2048, 0, stream()); }).find("invalid configuration") !=
        std::string::npos);
}

TEST_CASE("out of memory on the device: requested, free and total, and work goes on") {
  const size_t before = emulator::allocations_alive();
  const std::string error = error_of([] {
    empty({int64_t(1) << 31}, {DType::float32, Device::cuda()});
  });
  CHECK(error.find("out of memory on cuda:0: requested 8589934592 bytes; ") == 0);
  CHECK(error.find(" free of 1073741824") != std::string::npos);
  fail_allocation(1);
  CHECK_THROWS_AS(on_device({1}), OutOfMemoryError);
  CHECK(emulator::allocations_alive() == before);
  CHECK(on_device({1, 2}).to_vector() == std::vector<float>{1, 2});
}

}  // namespace papilio::cuda
