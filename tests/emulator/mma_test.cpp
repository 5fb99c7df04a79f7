// What stands in for tensor cores: right products, and every wrong use found.
#include <doctest/doctest.h>
#include <mma.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/cuda/launch.h"
#include "kernels/error.h"
#include "tensor/copy.h"
#include "tensor/random.h"
#include "tests/emulator/block.h"

namespace papilio::cuda {
namespace {

namespace wmma = nvcuda::wmma;
using emulator::Order;

template <class T>
using Kind = std::conditional_t<std::is_same_v<T, float>, wmma::precision::tf32, T>;
template <class T>
constexpr int kTerms = std::is_same_v<T, float> ? 8 : 16;

// c += a b. a: (16, K) by rows, or its transpose; b: (K, 16) likewise; c: (16, 16).
template <class T, class LayoutA, class LayoutB>
__global__ void multiply_add(float* c, const T* a, const T* b, bool rounds) {
  constexpr int K = kTerms<T>;
  wmma::fragment<wmma::matrix_a, 16, 16, K, Kind<T>, LayoutA> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, K, Kind<T>, LayoutB> fb;
  wmma::fragment<wmma::accumulator, 16, 16, K, float> sum;
  wmma::load_matrix_sync(fa, a, std::is_same_v<LayoutA, wmma::row_major> ? K : 16);
  wmma::load_matrix_sync(fb, b, std::is_same_v<LayoutB, wmma::row_major> ? 16 : K);
  wmma::load_matrix_sync(sum, c, 16, wmma::mem_row_major);
  if constexpr (std::is_same_v<T, float>) {
    for (int i = 0; rounds && i < fa.num_elements; ++i) fa.x[i] = wmma::__float_to_tf32(fa.x[i]);
    for (int i = 0; rounds && i < fb.num_elements; ++i) fb.x[i] = wmma::__float_to_tf32(fb.x[i]);
  }
  wmma::mma_sync(sum, fa, fb, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_row_major);
}

// Lane l names the tile that begins at its own place.
__global__ void load_at(const float* x, int64_t offset, int64_t apart, unsigned ldm) {
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::load_matrix_sync(sum, x + offset + apart * int64_t(threadIdx.x % 2), ldm,
                         wmma::mem_row_major);
}

__global__ void store_without(int lane) {
  SHARED(float, tile, 256);
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  if (int(threadIdx.x) != lane) wmma::store_matrix_sync(tile, sum, 16, wmma::mem_row_major);
}

__global__ void load_shared() {
  SHARED(float, tile, 256);
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::load_matrix_sync(sum, tile, 16, wmma::mem_row_major);
}

struct alignas(32) Tile {
  float at[256];
};

// y = x through shared memory, by tiles there and by tiles back.
__global__ void through_tile(float* y, const float* x, bool waits) {
  SHARED(Tile, memory, 2);
  float *const tile = memory[0].at, *const other = memory[1].at;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  for (int e = 255 - int(threadIdx.x); e >= 0; e -= 32) tile[e] = x[e];
  if (waits) __syncwarp();
  wmma::load_matrix_sync(sum, tile, 16, wmma::mem_row_major);
  wmma::store_matrix_sync(other, sum, 16, wmma::mem_row_major);
  if (waits) __syncwarp();
  for (int e = 255 - int(threadIdx.x); e >= 0; e -= 32) y[e] = other[e];
}

template <class T>
T* pointer(const Tensor& x) {
  return static_cast<T*>(x.raw_data());
}
Tensor on_device(const Tensor& x) {
  return copy_of(x, Device::cuda());
}

template <class LayoutA, class LayoutB, class T>
void check_product(double tolerance) {
  constexpr int64_t K = kTerms<T>;
  constexpr bool a_rows = std::is_same_v<LayoutA, wmma::row_major>;
  constexpr bool b_rows = std::is_same_v<LayoutB, wmma::row_major>;
  Generator g(5);
  const Tensor a = copy_of(normal({16 * K}, 0, 1, {}, g), dtype_of<T>());
  const Tensor b = copy_of(normal({16 * K}, 0, 1, {}, g), dtype_of<T>());
  const Tensor c = normal({256}, 0, 1, {}, g), y = on_device(c);
  launch(multiply_add<T, LayoutA, LayoutB>, 1, 32, 0, stream(), pointer<float>(y),
         pointer<const T>(on_device(a)), pointer<const T>(on_device(b)), true);
  const auto va = a.to_vector<double>(), vb = b.to_vector<double>(), vc = c.to_vector<double>();
  const auto got = y.to_vector<double>();
  double worst = 0;
  for (int64_t i = 0; i < 16; ++i)
    for (int64_t j = 0; j < 16; ++j) {
      double want = vc[size_t(i * 16 + j)];
      for (int64_t k = 0; k < K; ++k)
        want += va[size_t(a_rows ? i * K + k : k * 16 + i)] *
                vb[size_t(b_rows ? k * 16 + j : j * K + k)];
      worst = std::max(worst, std::abs(want - got[size_t(i * 16 + j)]));
    }
  CHECK(worst < tolerance);
}

template <class T>
void check_products(double tolerance) {
  using wmma::col_major, wmma::row_major;
  check_product<row_major, row_major, T>(tolerance);
  check_product<col_major, row_major, T>(tolerance);
  check_product<row_major, col_major, T>(tolerance);
}

template <class F>
bool reports(const char* what, F f) {
  CHECK_THROWS_AS(f(), Error);
  return emulator::last_report().find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("tensor cores: products of 16 x 16") {
  check_products<BFloat16>(1e-5);
  check_products<Float16>(1e-5);
  check_products<float>(1e-2);
  CHECK(wmma::__float_to_tf32(1 + 0x1p-11f) == 1 + 0x1p-10f);
  CHECK(wmma::__float_to_tf32(-1 - 0x1p-12f) == -1);
}

TEST_CASE("tensor cores: a wrong use is found") {
  const Tensor x = on_device(zeros({600}));
  const auto load = [&](int64_t offset, int64_t apart, unsigned ldm) {
    launch(load_at, 1, 32, 0, stream(), pointer<const float>(x), offset, apart, ldm);
  };
  load(8, 0, 20);
  CHECK(reports("does not begin on a multiple of 32 bytes", [&] { load(4, 0, 16); }));
  CHECK(reports("no multiple of 16 bytes apart", [&] { load(0, 0, 18); }));
  CHECK(reports("disagree on a tile", [&] { load(0, 8, 16); }));
  CHECK(reports("does not begin on a multiple of 32 bytes", [&] {  // shared floats have fewer
    launch(load_shared, 1, 32, 0, stream());
  }));
  CHECK(reports("1 threads have ended, 0 wait for the block, 31 for their warp",
                [&] { launch(store_without, 1, 32, 0, stream(), 7); }));
  CHECK(reports("lacks lanes", [&] { launch(load_shared, 1, 31, 0, stream()); }));
  const Tensor c = on_device(zeros({256})), a = on_device(full({128}, 1 + 0x1p-11f));
  CHECK(reports("not been rounded to TF32", [&] {
    launch(multiply_add<float, wmma::row_major, wmma::row_major>, 1, 32, 0, stream(),
           pointer<float>(c), pointer<const float>(a), pointer<const float>(a), false);
  }));
}

TEST_CASE("tensor cores: a missing __syncwarp changes the result") {
  Generator g(6);
  const Tensor x = normal({256}, 0, 1, {}, g), on = on_device(x);
  const Order before = emulator::order();
  for (const Order order :
       {Order{Order::forward}, Order{Order::reverse}, Order{Order::random, 1}}) {
    emulator::set_order(order);
    for (const bool waits : {true, false}) {
      const Tensor y = on_device(zeros({256}));
      launch(through_tile, 1, 32, 0, stream(), pointer<float>(y), pointer<const float>(on), waits);
      CHECK((y.to_vector() == x.to_vector()) == waits);
    }
  }
  emulator::set_order(before);
}

}  // namespace papilio::cuda
