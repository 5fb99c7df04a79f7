#include "kernels/dequantize.h"

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/parallel.h"
#include "kernels/detail/rounded.h"

namespace papilio::cpu {

namespace {

constexpr int64_t kGrain = 16384;  // elements a thread takes at least

// Sets `values` to the table's as one block has them.
template <class R, class T>
void scale_table(T* values, const float* table, int64_t n, float absmax) {
  for (int64_t c = 0; c < n; ++c) values[c] = T(compute_t<T>(float(R(table[c] * absmax))));
}

// code(i): that of the weight's element i, of kCodes.
template <int64_t kCodes, class Code>
void by_blocks(View y, const BlockCodes& from, Code code) {
  const auto* table = from.table.as<float>();
  const auto* absmax = from.absmax.as<float>();
  dispatch_rounded(from.rounded_to, y.dtype, [&]<class R, class T>() {
    T* out = y.as<T>();
    parallel_for(y.numel(), kGrain, [&](int64_t begin, int64_t end) {
      T values[kCodes];
      int64_t i = from.first + begin;
      while (i < from.first + end) {
        const int64_t block = i / from.block_size;
        const int64_t stop = std::min((block + 1) * from.block_size, from.first + end);
        scale_table<R>(values, table, kCodes, absmax[block]);
        for (; i < stop; ++i) out[i - from.first] = values[code(i)];
      }
    });
  });
}

}  // namespace

void dequantize_4bit(View y, const BlockCodes& from) {
  const auto* codes = from.codes.as<uint8_t>();
  by_blocks<16>(y, from, [codes](int64_t i) { return codes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15; });
}

void dequantize_8bit(View y, const BlockCodes& from) {
  const auto* codes = from.codes.as<uint8_t>();
  by_blocks<256>(y, from, [codes](int64_t i) { return codes[i]; });
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
