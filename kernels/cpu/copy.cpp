#include "kernels/copy.h"

#include <cstring>

#include "kernels/convert.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/rows.h"

namespace papilio::cpu {
namespace {

constexpr int64_t kGrainBytes = int64_t(1) << 19;  // parallel from 1 MB on
constexpr int64_t kTile = 32;

template <class To, class From>
void copy_row(To* dst, int64_t dst_step, const From* src, int64_t src_step, int64_t n) {
  if (dst_step == 1 && src_step == 1) {
    if constexpr (std::is_same_v<To, From>) {
      std::memcpy(dst, src, size_t(n) * sizeof(To));
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

// dst rows run along the last dimension, src rows along the one before it: square tiles keep both
// in cache.
template <class To, class From>
void copy_transposed(To* dst, const From* src, const Rows<2>& rows, int64_t grain) {
  const int r = rows.rank;
  const int64_t height = rows.shape[r - 2], width = rows.shape[r - 1];
  const int64_t dst_row = rows.strides[r - 2][0], dst_step = rows.strides[r - 1][0];
  const int64_t src_step = rows.strides[r - 2][1], src_row = rows.strides[r - 1][1];
  const int64_t bands = (height + kTile - 1) / kTile, matrices = rows.numel() / (height * width);
  parallel_for(matrices * bands, grain / (kTile * width), [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      int64_t rest = item / bands, to = 0, from = 0;
      for (int d = r - 3; d >= 0; --d) {
        to += rest % rows.shape[d] * rows.strides[d][0];
        from += rest % rows.shape[d] * rows.strides[d][1];
        rest /= rows.shape[d];
      }
      const int64_t i0 = item % bands * kTile, i1 = std::min(height, i0 + kTile);
      for (int64_t j0 = 0; j0 < width; j0 += kTile) {
        const int64_t j1 = std::min(width, j0 + kTile);
        for (int64_t i = i0; i < i1; ++i) {
          To* out = dst + to + i * dst_row;
          const From* in = src + from + i * src_step;
          for (int64_t j = j0; j < j1; ++j) out[j * dst_step] = convert<To>(in[j * src_row]);
        }
      }
    }
  });
}

// The dimension before the last along which src is contiguous while its rows are not, or -1.
int transposed_dim(const Rows<2>& rows) {
  if (rows.step(1) == 0 || rows.step(1) == 1 || rows.length() < 8) return -1;
  for (int d = 0; d < rows.rank - 1; ++d) {
    if (rows.strides[d][1] == 1 && rows.shape[d] >= 8) return d;
  }
  return -1;
}

template <class To, class From>
void copy_typed(View dst, ConstView src) {
  Rows<2> rows(Rows<2>::AnyOrder{}, dst, src);
  const int64_t n = rows.numel();
  if (n == 0) return;
  const int64_t grain = kGrainBytes / int64_t(std::max(sizeof(To), sizeof(From)));
  auto* to = static_cast<To*>(dst.data);
  auto* from = static_cast<const From*>(src.data);
  if (const int d = transposed_dim(rows); d >= 0) {
    rows.swap(d, rows.rank - 2);
    return copy_transposed(to, from, rows, grain);
  }
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    rows.walk(begin, end, [&](const int64_t* at, int64_t count) {
      copy_row(to + at[0], rows.step(0), from + at[1], rows.step(1), count);
    });
  });
}

}  // namespace

void copy(View dst, ConstView src) {
  if (dst.dtype == src.dtype) {  // only the size of an element matters
    switch (size_of(dst.dtype)) {
      case 1:
        return copy_typed<uint8_t, uint8_t>(dst, src);
      case 2:
        return copy_typed<uint16_t, uint16_t>(dst, src);
      case 4:
        return copy_typed<uint32_t, uint32_t>(dst, src);
      default:
        return copy_typed<uint64_t, uint64_t>(dst, src);
    }
  }
  dispatch_all(dst.dtype, [&]<class To>() {
    dispatch_all(src.dtype, [&]<class From>() {
      if constexpr (!std::is_same_v<To, From>) copy_typed<To, From>(dst, src);
    });
  });
}

void fill(View dst, double value) {
  const Rows<1> rows(Rows<1>::AnyOrder{}, dst);
  const int64_t n = rows.numel(), step = rows.step(0);
  if (n == 0) return;
  dispatch_all(dst.dtype, [&]<class T>() {
    const T v = convert<T>(value);
    parallel_for(n, kGrainBytes / int64_t(sizeof(T)), [&](int64_t begin, int64_t end) {
      rows.walk(begin, end, [&](const int64_t* at, int64_t count) {
        T* row = dst.as<T>() + at[0];
        if (step == 1)
          std::fill_n(row, count, v);
        else
          for (int64_t i = 0; i < count; ++i) row[i * step] = v;
      });
    });
  });
}

}  // namespace papilio::cpu
