// Stands in for <mma.h>: products of tensor cores, as far as Papilio uses them. Each lane holds its
// share of a tile, as on a GPU, and all lanes of a warp must come and agree. Factors have their own
// precision, sums float32's.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "kernels/dtype.h"
#include "tests/emulator/block.h"

using __half = papilio::Float16;          // NOLINT(bugprone-reserved-identifier)
using __nv_bfloat16 = papilio::BFloat16;  // NOLINT(bugprone-reserved-identifier)

namespace nvcuda::wmma {

struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
enum layout_t { mem_row_major, mem_col_major };
namespace precision {
struct tf32 {};
}  // namespace precision

// Rounded to 10 bits after the point, ties away from zero; NaN stays.
inline float __float_to_tf32(float x) {  // NOLINT(bugprone-reserved-identifier)
  return std::isfinite(x) ? std::bit_cast<float>((std::bit_cast<uint32_t>(x) + 0x1000u) & ~0x1fffu)
                          : x;
}

// What of a tile a lane has: elements lane, lane + 32, ... by rows. NaN at the start.
template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
  static constexpr bool is_tf32 = std::is_same_v<T, precision::tf32>;
  static constexpr bool is_sum = std::is_same_v<Use, accumulator>;
  static_assert(M == 16 && N == 16 && (is_sum || K == (is_tf32 ? 8 : 16)));
  static_assert(is_sum ? std::is_same_v<T, float> : papilio::is_half_type<T> || is_tf32);
  using element_type = T;
  using storage_element_type = std::conditional_t<is_tf32, float, T>;
  // NOLINTBEGIN(bugprone-branch-clone)
  static constexpr int rows = std::is_same_v<Use, matrix_b> ? K : M;
  static constexpr int columns = std::is_same_v<Use, matrix_a> ? K : N;
  // NOLINTEND(bugprone-branch-clone)
  enum { num_elements = rows * columns / 32 };
  storage_element_type x[num_elements];

  fragment() { std::memset(static_cast<void*>(x), 0xff, sizeof x); }
};

// Where a lane's element i lies in memory.
template <class Fragment>
int64_t place_of(int i, unsigned ldm, bool by_rows) {
  const int e = i * 32 + emulator::lane();
  const int64_t row = e / Fragment::columns, column = e % Fragment::columns;
  return by_rows ? row * ldm + column : column * ldm + row;
}

struct Access {
  const void* p;
  unsigned ldm;
};
// All lanes must name the same memory, on 32 bytes, in rows whose lengths are multiples of 16.
template <size_t element>
std::string check_access(void* const (&lanes)[32]) {
  const Access& first = *static_cast<const Access*>(lanes[0]);
  for (const void* lane : lanes) {
    const Access& other = *static_cast<const Access*>(lane);
    if (other.p != first.p || other.ldm != first.ldm)
      return "the lanes of a warp disagree on a tile";
  }
  if (reinterpret_cast<uintptr_t>(first.p) % 32 != 0)
    return "a tile that does not begin on a multiple of 32 bytes";
  if (first.ldm * element % 16 != 0) return "a tile whose rows are no multiple of 16 bytes apart";
  return "";
}

inline void together(emulator::Collective collective, void* mine) {
  emulator::exchange({.mask = ~0u,
                      .what = emulator::Exchange::collect,
                      .value = std::bit_cast<uint64_t>(mine),
                      .collective = collective});
}

// Reads before the others have come, and stores after: a __syncwarp that is missing then shows.
template <class Fragment, class T>
void load_tile(Fragment& f, const T* p, unsigned ldm, bool by_rows) {
  for (int i = 0; i < Fragment::num_elements; ++i) f.x[i] = p[place_of<Fragment>(i, ldm, by_rows)];
  Access mine{p, ldm};
  together(check_access<sizeof(T)>, &mine);
}
template <class Use, int M, int N, int K, class T, class Layout>
void load_matrix_sync(fragment<Use, M, N, K, T, Layout>& f,
                      const typename fragment<Use, M, N, K, T, Layout>::storage_element_type* p,
                      unsigned ldm) {
  load_tile(f, p, ldm, std::is_same_v<Layout, row_major>);
}
template <int M, int N, int K>
void load_matrix_sync(fragment<accumulator, M, N, K, float>& f, const float* p, unsigned ldm,
                      layout_t layout) {
  load_tile(f, p, ldm, layout == mem_row_major);
}
template <int M, int N, int K>
void store_matrix_sync(float* p, const fragment<accumulator, M, N, K, float>& f, unsigned ldm,
                       layout_t layout) {
  using Fragment = fragment<accumulator, M, N, K, float>;
  Access mine{p, ldm};
  together(check_access<sizeof(float)>, &mine);
  for (int i = 0; i < Fragment::num_elements; ++i)
    p[place_of<Fragment>(i, ldm, layout == mem_row_major)] = f.x[i];
}

template <class Use, int M, int N, int K, class T, class Layout>
void fill_fragment(fragment<Use, M, N, K, T, Layout>& f,
                   typename fragment<Use, M, N, K, T, Layout>::storage_element_type value) {
  for (auto& element : f.x) element = value;
}

// d = a b + c
template <class A, class B, class C>
struct Product {
  C* d;
  const A* a;
  const B* b;
  const C* c;

  static std::string multiply(void* const (&lanes)[32]) {
    float a[A::rows * A::columns], b[B::rows * B::columns];
    const auto lane = [&](int e) { return static_cast<const Product*>(lanes[e % 32]); };
    for (int e = 0; e < A::rows * A::columns; ++e) a[e] = float(lane(e)->a->x[e / 32]);
    for (int e = 0; e < B::rows * B::columns; ++e) b[e] = float(lane(e)->b->x[e / 32]);
    for (float v : a)
      if (A::is_tf32 && std::bit_cast<uint32_t>(v) % 0x2000u != 0 && !std::isnan(v))
        return "a factor that has not been rounded to TF32";
    for (float v : b)
      if (B::is_tf32 && std::bit_cast<uint32_t>(v) % 0x2000u != 0 && !std::isnan(v))
        return "a factor that has not been rounded to TF32";
    for (int e = 0; e < C::rows * C::columns; ++e) {
      float sum = lane(e)->c->x[e / 32];
      for (int k = 0; k < A::columns; ++k)
        sum += a[e / C::columns * A::columns + k] * b[k * B::columns + e % C::columns];
      lane(e)->d->x[e / 32] = sum;
    }
    return "";
  }
};
template <int M, int N, int K, class T, class LayoutA, class LayoutB>
void mma_sync(fragment<accumulator, M, N, K, float>& d,
              const fragment<matrix_a, M, N, K, T, LayoutA>& a,
              const fragment<matrix_b, M, N, K, T, LayoutB>& b,
              const fragment<accumulator, M, N, K, float>& c) {
  using Mine =
      Product<fragment<matrix_a, M, N, K, T, LayoutA>, fragment<matrix_b, M, N, K, T, LayoutB>,
              fragment<accumulator, M, N, K, float>>;
  Mine mine{&d, &a, &b, &c};
  together(Mine::multiply, &mine);
}

}  // namespace nvcuda::wmma
