#include "kernels/quantized_gemv.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/codes.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/row.h"
#include "kernels/cpu/scratch.h"
#include "kernels/cpu/simd.h"
#include "kernels/detail/rounded.h"

namespace papilio::cpu {

namespace {

constexpr int L = kSimdLanes<float>;
constexpr int64_t kGrain = 1 << 15;  // codes a thread takes at least

int64_t rows_worth(int64_t columns) {
  return 1 + kGrain / (columns + 1);
}

// The number as it is multiplied: rounded through R to T.
template <class R, class T>
compute_t<T> rounded(float value) {
  return compute_t<T>(T(compute_t<T>(float(R(value)))));
}

template <class R, class T>
void scale_table(compute_t<T>* values, const float* table, float absmax) {
#pragma omp simd
  for (int c = 0; c < 16; ++c) values[c] = rounded<R, T>(table[c] * absmax);
}

template <class T>
compute_t<T> bias_of(const ConstView& bias, int64_t o) {
  return bias.data ? compute_t<T>(bias.as<T>()[o]) : compute_t<T>(0);
}

// Codes and blocks of a row from its beginning, whatever they share with the row before.
template <class R, class T>
compute_t<T> any_row(const T* x, int64_t n, int64_t first, const BlockCodes& w) {
  using C = compute_t<T>;
  const auto* codes = w.codes.as<uint8_t>();
  C sum = 0, values[16];
  int64_t block = first / w.block_size;
  for (int64_t i = first; i < first + n; ++block) {
    const int64_t stop = std::min((block + 1) * w.block_size, first + n);
    scale_table<R, T>(values, w.table.as<float>(), w.absmax.as<float>()[block]);
    for (; i < stop; ++i) sum += C(x[i - first]) * values[code_of(codes, i)];
  }
  return sum;
}

// x's elements of even number and those of odd number, a vector of each in turn.
template <class T>
void split(float* to, const T* x, int64_t n) {
  for (int64_t i = 0; i < n; i += 2 * L)
    for (int l = 0; l < L; ++l) {
      to[i + l] = float(x[i + 2 * l]);
      to[i + L + l] = float(x[i + 2 * l + 1]);
    }
}

// The same of a row of whole vectors, x as `split` leaves it: each lies in one block.
template <class R, class T>
float whole_row(const float* x, int64_t n, int64_t first, const BlockCodes& w) {
  const uint8_t* codes = w.codes.as<uint8_t>() + first / 2;
  const auto* absmax = w.absmax.as<float>();
  Simd<float> sum_even = {}, sum_odd = {}, even, odd;
  alignas(64) float values[16];
  int64_t block = first / w.block_size;
  for (int64_t i = 0; i < n; ++block) {
    const int64_t stop = std::min((block + 1) * w.block_size - first, n);
    scale_table<R, T>(values, w.table.as<float>(), absmax[block]);
    const CodeTable table(values);
    for (; i < stop; i += 2 * L) {
      table.look_up(codes + i / 2, even, odd);
      sum_even += load(x + i) * even;
      sum_odd += load(x + i + L) * odd;
    }
  }
  return reduce_add<float>(sum_even + sum_odd);
}

// y_o = row(where w's row o begins) + bias_o
template <class T, class Row>
void by_rows(const View& y, const ConstView& bias, int64_t n, int64_t first, Row row) {
  parallel_for(y.numel(), rows_worth(n), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o)
      y.as<T>()[o] = T(row(first + o * n) + bias_of<T>(bias, o));
  });
}

}  // namespace

void gemv_4bit(View y, ConstView x, ConstView bias, const BlockCodes& w) {
  const int64_t n = x.numel();
  dispatch_rounded(w.rounded_to, x.dtype, [&]<class R, class T>() {
    if constexpr (std::is_same_v<compute_t<T>, float>) {
      if (n % (2 * L) == 0 && w.first % (2 * L) == 0 && w.block_size % (2 * L) == 0) {
        const Scratch<float> halves(n);
        split(static_cast<float*>(halves), x.as<T>(), n);
        return by_rows<T>(y, bias, n, w.first,
                          [&](int64_t first) { return whole_row<R, T>(halves, n, first, w); });
      }
    }
    by_rows<T>(y, bias, n, w.first,
               [&](int64_t first) { return any_row<R>(x.as<T>(), n, first, w); });
  });
}

void gemv_int8(View y, ConstView x, ConstView bias, ConstView codes, ConstView scale) {
  const int64_t n = x.numel();
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    constexpr int64_t kPart = 256;
    parallel_for(y.numel(), rows_worth(n), [&](int64_t begin, int64_t end) {
      C part[kPart];
      for (int64_t o = begin; o < end; ++o) {
        const auto* code = codes.as<uint8_t>() + o * n;
        const float s = scale.as<float>()[o];
        C sum = 0;
        for (int64_t i = 0; i < n; i += kPart) {
          const int64_t count = std::min(kPart, n - i);
          for (int64_t k = 0; k < count; ++k)
            part[k] = rounded<float, T>(float(int8_t(code[i + k])) * s * kPerInt8);
          sum += row_dot(part, x.as<T>() + i, count);
        }
        y.as<T>()[o] = T(sum + bias_of<T>(bias, o));
      }
    });
  });
}

}  // namespace papilio::cpu
