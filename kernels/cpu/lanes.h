// Many small problems side by side: lane l of a vector belongs to problem l (a row of a tile, a
// matrix of a batch).
//
// Small matrices vectorise badly along their own short rows. Transposing a batch of them, so that
// equal entries of 16 problems share one register, makes every scalar formula a vector formula
// without a single shuffle.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "kernels/cpu/transpose.h"
#include "kernels/dtype.h"

namespace papilio::cpu {

template <class T>
constexpr int kLanes = 64 / int(sizeof(T));

// 16 floats or 8 doubles, with + - * / between vectors and scalars (GNU vector extension of GCC and
// Clang).
template <class T>
struct Lanes {
  typedef T Vec __attribute__((vector_size(64)));
};
template <class T>
using Vec = typename Lanes<T>::Vec;

// Scratch memory of n vectors, uninitialised.
template <class T>
class LaneBuffer {
 public:
  explicit LaneBuffer(int64_t n) : data_(static_cast<T*>(::operator new(size_t(n) * 64, kAlign))) {}
  ~LaneBuffer() { ::operator delete(data_, kAlign); }
  LaneBuffer(const LaneBuffer&) = delete;
  LaneBuffer& operator=(const LaneBuffer&) = delete;
  Vec<T>* get() const { return reinterpret_cast<Vec<T>*>(data_); }

 private:
  static constexpr std::align_val_t kAlign{64};
  T* data_;
};

// v = kLanes<C> elements from memory, converted to the type C to compute in; and back.
template <class C, class T>
inline void load_lanes(Vec<C>& v, const T* from) {
  if constexpr (std::is_same_v<C, T>) {
    std::memcpy(&v, from, sizeof v);
  } else {
    alignas(64) C values[kLanes<C>];
    for (int l = 0; l < kLanes<C>; ++l) values[l] = from[l];
    std::memcpy(&v, values, sizeof v);
  }
}
template <class C, class T>
inline void store_lanes(T* to, const Vec<C>& v) {
  if constexpr (std::is_same_v<C, T>) {
    std::memcpy(to, &v, sizeof v);
  } else {
    alignas(64) C values[kLanes<C>];
    std::memcpy(values, &v, sizeof v);
    for (int l = 0; l < kLanes<C>; ++l) to[l] = T(values[l]);
  }
}

// tile[c] lane r = from[r * stride + c] for r < rows <= kLanes, c < columns; the other lanes are 0.
template <class C, class T>
void load_transposed(Vec<C>* tile, const T* from, int64_t stride, int64_t rows, int64_t columns) {
  constexpr int n = kLanes<C>;
  int64_t c = 0;
  if (rows == n) {
    for (; c + n <= columns; c += n) {
      Vec<C> v[n];
#pragma GCC unroll 16
      for (int r = 0; r < n; ++r) load_lanes<C>(v[r], from + r * stride + c);
      transpose_square<n>(v);
#pragma GCC unroll 16
      for (int r = 0; r < n; ++r) tile[c + r] = v[r];
    }
  }
  C* lanes = reinterpret_cast<C*>(tile);
  for (; c < columns; ++c) {
    for (int64_t r = 0; r < rows; ++r) lanes[c * n + r] = C(from[r * stride + c]);
    for (int64_t r = rows; r < n; ++r) lanes[c * n + r] = 0;
  }
}

// to[r * stride + c] = tile[c] lane r.
template <class C, class T>
void store_transposed(T* to, const Vec<C>* tile, int64_t stride, int64_t rows, int64_t columns) {
  constexpr int n = kLanes<C>;
  int64_t c = 0;
  if (rows == n) {
    for (; c + n <= columns; c += n) {
      Vec<C> v[n];
#pragma GCC unroll 16
      for (int r = 0; r < n; ++r) v[r] = tile[c + r];
      transpose_square<n>(v);
#pragma GCC unroll 16
      for (int r = 0; r < n; ++r) store_lanes<C>(to + r * stride + c, v[r]);
    }
  }
  const C* lanes = reinterpret_cast<const C*>(tile);
  for (; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r) to[r * stride + c] = T(lanes[c * n + r]);
}

}  // namespace papilio::cpu
