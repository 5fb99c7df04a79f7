#include "kernels/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/cpu/parallel.h"

namespace papilio::cpu {

namespace {

// The nearest value of a table, by the bounds between its values in order.
class Nearest {
 public:
  explicit Nearest(ConstView table) : places_(size_t(table.numel())) {
    const auto* values = table.as<float>();
    for (size_t i = 0; i < places_.size(); ++i) places_[i] = uint8_t(i);
    std::ranges::stable_sort(places_, {}, [&](uint8_t place) { return values[place]; });
    for (size_t i = 0; i + 1 < places_.size(); ++i)
      bounds_.push_back((values[places_[i]] + values[places_[i + 1]]) / 2);
  }
  uint8_t operator()(float x) const {
    return places_[size_t(std::ranges::lower_bound(bounds_, x) - bounds_.begin())];
  }

 private:
  std::vector<uint8_t> places_;  // of the values in ascending order
  std::vector<float> bounds_;
};

constexpr float kLeast = 1e-38F;  // that a block is divided by

// Calls code(i, place) for each element of a block; returns its largest magnitude.
template <class F>
float quantize_block(const float* x, int64_t begin, int64_t end, bool whole, const Nearest& nearest,
                     F&& code) {
  float absmax = 0;
  for (int64_t i = begin; i < end; ++i) absmax = std::max(absmax, std::abs(x[i]));
  const float divisor = std::max(absmax, kLeast), factor = 1 / divisor;
  for (int64_t i = begin; i < end; ++i)
    code(i, nearest(std::clamp(whole ? x[i] * factor : x[i] / divisor, -1.0F, 1.0F)));
  return whole ? absmax : divisor;
}

// torch.linspace(0.1, 1, n): from either end to the middle.
float linspace(int64_t i, int64_t n) {
  const float first = 0.1F, step = (1 - first) / float(n - 1);
  return i < n / 2 ? std::fma(step, float(i), first) : std::fma(-step, float(n - 1 - i), 1.0F);
}

constexpr int64_t kWays = 4;    // sums beside each other
constexpr int64_t kLevels = 4;  // sums of sums

// Sums of W lanes each.
template <int64_t W>
using Lanes = std::array<float, size_t(W)>;

template <int64_t W>
void add(Lanes<W>& sum, const float* x) {
  for (size_t lane = 0; lane < sum.size(); ++lane) sum[lane] += x[lane];
}

// x: (n, kWays W) -> a sum for each column: of 2^power rows, of as many such sums, and so on.
template <int64_t W>
std::array<Lanes<W>, kWays> cascade(const float* x, int64_t n) {
  int64_t log = 0;
  while ((int64_t(1) << log) < n) ++log;
  const int64_t power = std::max<int64_t>(4, log / kLevels), step = int64_t(1) << power;
  std::array<std::array<Lanes<W>, kWays>, kLevels> sums{};
  for (int64_t row = 0; row < n;) {
    for (size_t way = 0; way < kWays; ++way)
      add<W>(sums[0][way], x + (row * kWays + int64_t(way)) * W);
    if (++row % step != 0) continue;
    for (size_t level = 1; level < kLevels; ++level) {
      for (size_t way = 0; way < kWays; ++way) {
        add<W>(sums[level][way], sums[level - 1][way].data());
        sums[level - 1][way] = {};
      }
      if ((row >> (int64_t(level) * power)) % step != 0) break;
    }
  }
  for (size_t level = 1; level < kLevels; ++level)
    for (size_t way = 0; way < kWays; ++way) add<W>(sums[0][way], sums[level][way].data());
  return sums[0];
}

template <int64_t W>
float sum_in_lanes(const float* x, int64_t n) {
  const int64_t rows = n / W, whole = rows / kWays;
  auto sums = cascade<W>(x, whole);
  for (int64_t row = whole * kWays; row < rows; ++row) add<W>(sums[0], x + row * W);
  for (size_t way = 1; way < kWays; ++way) add<W>(sums[0], sums[way].data());
  float sum = 0;
  for (int64_t i = rows * W; i < n; ++i) sum += x[i];
  for (const float lane : sums[0]) sum += lane;
  return sum;
}

}  // namespace

void dynamic_table(View table, bool is_signed) {
  auto* const out = table.as<float>();
  const int64_t zero = is_signed ? 127 : 0;
  out[zero] = 0, out[255] = 1;
  int64_t place = zero + 1;
  for (int i = 0; i < 7; ++i) {
    const int64_t parts = int64_t(1) << (is_signed ? i : i + 1);
    const auto power = float(std::pow(10.0, i - 6));
    for (int64_t k = 0; k < parts; ++k, ++place) {
      const float middle = (linspace(k, parts + 1) + linspace(k + 1, parts + 1)) / 2;
      out[place] = power * middle;
      if (is_signed) out[254 - place] = -out[place];
    }
  }
}

float mean_of_scales(ConstView x) {
  const auto* const values = x.as<float>();
  const int64_t n = x.numel();
  if (n == 0) return 0;
  return (n < 8 ? sum_in_lanes<1>(values, n) : sum_in_lanes<8>(values, n)) / float(n);
}

void quantize_4bit(View codes, View absmax, ConstView x, ConstView table, int64_t block_size) {
  const Nearest nearest(table);
  const int64_t n = x.numel();
  const auto* in = x.as<float>();
  auto* of_block = absmax.as<float>();
  auto* out = codes.as<uint8_t>();
  std::fill_n(out, codes.numel(), uint8_t(0));
  // Blocks have an even number of elements, so that no byte lies in two.
  const auto store = [out](int64_t i, uint8_t place) {
    out[i / 2] = uint8_t(out[i / 2] | (i % 2 == 0 ? place << 4 : place));
  };
  parallel_for(
      absmax.numel(), std::max<int64_t>(1, 16384 / block_size), [&](int64_t first, int64_t last) {
        for (int64_t b = first; b < last; ++b) {
          const int64_t begin = b * block_size, end = std::min(begin + block_size, n);
          of_block[b] = quantize_block(in, begin, end, end - begin == block_size, nearest, store);
        }
      });
}

void quantize_8bit(View codes, View absmax, ConstView x, ConstView table, int64_t block_size) {
  const Nearest nearest(table);
  std::vector<uint8_t> of_level(65536);
  for (size_t i = 0; i < of_level.size(); ++i)
    of_level[i] = nearest(float(-1 + 2 * double(i) / 65535));
  const int64_t n = x.numel();
  const auto* in = x.as<float>();
  auto* out = codes.as<uint8_t>();
  auto* of_block = absmax.as<float>();
  for (int64_t b = 0; b < absmax.numel(); ++b) {
    const int64_t begin = b * block_size, end = std::min(begin + block_size, n);
    float largest = 0;
    for (int64_t i = begin; i < end; ++i) largest = std::max(largest, std::abs(in[i]));
    const float factor = 1 / largest;  // infinite if there are zeros alone
    for (int64_t i = begin; i < end; ++i) {
      const float part = std::clamp(in[i] * factor, -1.0F, 1.0F);
      out[i] = of_level[std::isnan(part) ? 0 : size_t(std::fma(part + 1, 32767.5F, 0.5F))];
    }
    of_block[b] = largest;
  }
}

void quantize_rows(View codes, View scale, ConstView x) {
  const int64_t C = x.size(1);
  const auto* in = x.as<float>();
  auto* out = codes.as<uint8_t>();
  auto* of_row = scale.as<float>();
  parallel_for(x.size(0), std::max<int64_t>(1, 16384 / std::max<int64_t>(1, C)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t r = begin; r < end; ++r) {
                   float largest = 0;
                   for (int64_t c = r * C; c < (r + 1) * C; ++c)
                     largest = std::max(largest, std::abs(in[c]));
                   of_row[r] = largest;
                   // In this order, as PyTorch's 127 / largest. Below 3.7e-37 that is infinite, and
                   // the row as it is divided.
                   const float factor = largest > 0 ? 1 / largest * 127 : 0;
                   const bool finite = factor <= std::numeric_limits<float>::max();
                   for (int64_t c = r * C; c < (r + 1) * C; ++c) {
                     const float part = finite ? in[c] * factor : in[c] / largest * 127;
                     out[c] = uint8_t(int8_t(std::nearbyint(part)));
                   }
                 }
               });
}

}  // namespace papilio::cpu
