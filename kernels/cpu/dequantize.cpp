#include "kernels/dequantize.h"

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/parallel.h"
#include "kernels/detail/rounded.h"

namespace papilio::cpu {

namespace {

constexpr int64_t kGrain = 16384;  // elements a thread takes at least

template <class R, class T>
void store(T& y, float value) {
  y = T(compute_t<T>(float(R(value))));
}

// code(i): that of the weight's element i.
template <class Code>
void by_blocks(View y, const BlockCodes& from, Code code) {
  const auto* table = from.table.as<float>();
  const auto* absmax = from.absmax.as<float>();
  dispatch_rounded(from.rounded_to, y.dtype, [&]<class R, class T>() {
    T* out = y.as<T>();
    parallel_for(y.numel(), kGrain, [&](int64_t begin, int64_t end) {
      int64_t i = from.first + begin;
      while (i < from.first + end) {
        const int64_t block = i / from.block_size;
        const int64_t stop = std::min((block + 1) * from.block_size, from.first + end);
        const float scale = absmax[block];
        for (; i < stop; ++i) store<R>(out[i - from.first], table[code(i)] * scale);
      }
    });
  });
}

}  // namespace

void dequantize_4bit(View y, const BlockCodes& from) {
  const auto* codes = from.codes.as<uint8_t>();
  by_blocks(y, from, [codes](int64_t i) {
    const uint8_t byte = codes[i / 2];
    return i % 2 == 0 ? byte >> 4 : byte & 15;
  });
}

void dequantize_8bit(View y, const BlockCodes& from) {
  const auto* codes = from.codes.as<uint8_t>();
  by_blocks(y, from, [codes](int64_t i) { return codes[i]; });
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
