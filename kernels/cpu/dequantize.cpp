#include "kernels/dequantize.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/codes.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd.h"
#include "kernels/detail/rounded.h"

namespace papilio::cpu {

namespace {

constexpr int64_t kGrain = 16384;  // elements a thread takes at least

// Sets `values` to the table's as one block has them.
template <class R, class T>
void scale_table(T* values, const float* table, int64_t n, float absmax) {
  for (int64_t c = 0; c < n; ++c) values[c] = T(compute_t<T>(float(R(table[c] * absmax))));
}

// write(out, values, i, stop): the weight's elements i to stop, all of a block, to out; values: of
// its kCodes codes.
template <int64_t kCodes, class Write>
void by_blocks(View y, const BlockCodes& from, Write write) {
  const auto* table = from.table.as<float>();
  const auto* absmax = from.absmax.as<float>();
  dispatch_rounded(from.rounded_to, y.dtype, [&]<class R, class T>() {
    T* out = y.as<T>();
    parallel_for(y.numel(), kGrain, [&](int64_t begin, int64_t end) {
      T values[kCodes];
      int64_t i = from.first + begin, block = i / from.block_size;
      for (; i < from.first + end; ++block) {
        const int64_t stop = std::min((block + 1) * from.block_size, from.first + end);
        scale_table<R>(values, table, kCodes, absmax[block]);
        write(out + (i - from.first), values, i, stop);
        i = stop;
      }
    });
  });
}

// Whole vectors of elements that begin with a byte; returns where they end.
int64_t write_vectors(float* out, const float* values, const uint8_t* codes, int64_t i,
                      int64_t stop) {
  constexpr int64_t kStep = 2 * kSimdLanes<float>;
  if (i % 2 != 0) return i;
  const CodeTable table(values);
  for (const int64_t begin = i; i + kStep <= stop; i += kStep) {
    Simd<float> even, odd;
    table.look_up(codes + i / 2, even, odd);
    store_zipped(out + (i - begin), even, odd);
  }
  return i;
}

}  // namespace

void dequantize_4bit(View y, const BlockCodes& from) {
  const auto* codes = from.codes.as<uint8_t>();
  by_blocks<16>(y, from, [codes]<class T>(T* out, const T* values, int64_t i, int64_t stop) {
    const int64_t begin = i;
    if constexpr (std::is_same_v<T, float>) i = write_vectors(out, values, codes, i, stop);
    for (; i < stop; ++i) out[i - begin] = values[code_of(codes, i)];
  });
}

void dequantize_8bit(View y, const BlockCodes& from) {
  const auto* codes = from.codes.as<uint8_t>();
  by_blocks<256>(y, from, [codes]<class T>(T* out, const T* values, int64_t i, int64_t stop) {
    for (const int64_t begin = i; i < stop; ++i) out[i - begin] = values[codes[i]];
  });
}

void dequantize_rows(View y, ConstView codes, ConstView scale) {
  const int64_t C = y.size(1);
  const auto* code = codes.as<uint8_t>();
  const auto* of_row = scale.as<float>();
  dispatch_floating(y.dtype, [&]<class T>() {
    T* out = y.as<T>();
    parallel_for(y.size(0), std::max<int64_t>(1, kGrain / std::max<int64_t>(1, C)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t r = begin; r < end; ++r) {
                     for (int64_t c = r * C; c < (r + 1) * C; ++c)
                       out[c] = T(compute_t<T>(float(int8_t(code[c])) * of_row[r] * kPerInt8));
                   }
                 });
  });
}

}  // namespace papilio::cpu
