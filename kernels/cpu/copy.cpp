#include "kernels/copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/convert.h"
#include "kernels/cpu/parallel.h"
#include "kernels/detail/dispatch_by_size.h"
#include "kernels/rows.h"

namespace papilio::cpu {
namespace {

constexpr int64_t kGrainBytes = int64_t(1) << 19;  // parallel from 1 MB on

// Copies n elements; steps count elements.
using CopyRow = void (*)(void* dst, int64_t dst_step, const void* src, int64_t src_step, int64_t n);

template <class To, class From>
void copy_row(void* to, int64_t dst_step, const void* from, int64_t src_step, int64_t n) {
  auto* __restrict__ dst = static_cast<To*>(to);
  const auto* src = static_cast<const From*>(from);
  if (dst_step == 1 && src_step == 1) {
    if constexpr (std::is_same_v<To, From>) {
      std::memcpy(to, from, size_t(n) * sizeof(To));
    } else {
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) dst[i] = convert<To>(src[i]);
    }
  } else if (dst_step == 1 && src_step == 0) {
    std::fill_n(dst, n, convert<To>(*src));
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i * dst_step] = convert<To>(src[i * src_step]);
  }
}

CopyRow copy_row_for(DType to, DType from) {
  CopyRow row = nullptr;
  dispatch_all(
      to, [&]<class To>() { dispatch_all(from, [&]<class From>() { row = copy_row<To, From>; }); });
  return row;
}

void copy_rows(View dst, ConstView src, const Rows<2>& rows) {
  const auto dst_size = int64_t(size_of(dst.dtype)), src_size = int64_t(size_of(src.dtype));
  const CopyRow row = copy_row_for(dst.dtype, src.dtype);
  const int64_t grain = kGrainBytes / std::max(dst_size, src_size);
  parallel_for(rows.numel(), grain, [&](int64_t begin, int64_t end) {
    rows.walk(begin, end, [&](const int64_t* at, int64_t count) {
      row(dst.as<char>() + at[0] * dst_size, rows.step(0), src.as<char>() + at[1] * src_size,
          rows.step(1), count);
    });
  });
}

// dst is contiguous along the last dimension, src along the one before it. Square tiles go through
// a buffer, so that every cache line on either side is used up at once, whatever the strides.
template <class T>
void copy_transposed(View dst, ConstView src, const Rows<2>& rows) {
  constexpr int64_t kTile = sizeof(T) == 8 ? 16 : 32;
  const int r = rows.rank;
  const int64_t height = rows.shape[r - 2], width = rows.shape[r - 1];
  const int64_t dst_row = rows.strides[r - 2][0], src_row = rows.strides[r - 1][1];
  const int64_t bands = (height + kTile - 1) / kTile, matrices = rows.numel() / (height * width);
  const int64_t grain = kGrainBytes / (int64_t(sizeof(T)) * kTile * width);
  parallel_for(matrices * bands, grain, [&](int64_t begin, int64_t end) {
    alignas(64) T tile[kTile][kTile];
    for (int64_t item = begin; item < end; ++item) {
      int64_t rest = item / bands, to = 0, from = 0;
      for (int d = r - 3; d >= 0; --d) {
        to += rest % rows.shape[d] * rows.strides[d][0];
        from += rest % rows.shape[d] * rows.strides[d][1];
        rest /= rows.shape[d];
      }
      const int64_t i0 = item % bands * kTile, di = std::min(height - i0, kTile);
      for (int64_t j0 = 0; j0 < width; j0 += kTile) {
        const int64_t dj = std::min(width - j0, kTile);
        const T* in = src.as<T>() + from + i0 + j0 * src_row;
        T* out = dst.as<T>() + to + i0 * dst_row + j0;
        for (int64_t j = 0; j < dj; ++j) std::copy_n(in + j * src_row, di, tile[j]);
        for (int64_t i = 0; i < di; ++i) {
          T* __restrict__ o = out + i * dst_row;
          if (dj == kTile) {
            for (int64_t j = 0; j < kTile; ++j) o[j] = tile[j][i];
          } else {
            for (int64_t j = 0; j < dj; ++j) o[j] = tile[j][i];
          }
        }
      }
    }
  });
}

// The dimension along which src is contiguous if dst's is another one, or -1.
int transposed_dim(View dst, ConstView src, const Rows<2>& rows) {
  if (dst.dtype != src.dtype || rows.step(0) != 1 || rows.step(1) <= 1 || rows.length() < 8)
    return -1;
  for (int d = 0; d < rows.rank - 1; ++d) {
    if (rows.strides[d][1] == 1 && rows.shape[d] >= 8) return d;
  }
  return -1;
}

}  // namespace

void copy(View dst, ConstView src) {
  Rows<2> rows(Rows<2>::AnyOrder{}, dst, src);
  if (rows.numel() == 0) return;
  const int d = transposed_dim(dst, src, rows);
  if (d < 0) return copy_rows(dst, src, rows);
  rows.swap(d, rows.rank - 2);
  dispatch_by_size(dst.dtype, [&]<class T>() { copy_transposed<T>(dst, src, rows); });
}

void fill(View dst, double value) {
  const Rows<1> rows(Rows<1>::AnyOrder{}, dst);
  const int64_t step = rows.step(0);
  dispatch_all(dst.dtype, [&]<class T>() {
    const T v = convert<T>(value);
    parallel_for(rows.numel(), kGrainBytes / int64_t(sizeof(T)), [&](int64_t begin, int64_t end) {
      rows.walk(begin, end, [&](const int64_t* at, int64_t count) {
        T* row = dst.as<T>() + at[0];
        if (step == 1) {
          std::fill_n(row, count, v);
        } else {
          for (int64_t i = 0; i < count; ++i) row[i * step] = v;
        }
      });
    });
  });
}

}  // namespace papilio::cpu
