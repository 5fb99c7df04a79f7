#include "kernels/adamw_8bit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/chunks.h"
#include "kernels/cpu/nearest_code.h"

namespace papilio::cpu {

namespace {

static_assert(kChunk % kMomentBlock == 0);

// A moment's map: its values, and the way back.
struct Map {
  const float* values;
  NearestCode nearest;
  explicit Map(ConstView table) : values(table.as<float>()), nearest(table) {}
};

float largest(const float* x, int64_t n) {
  float most = 0;
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::abs(x[i]));
  return most;
}

// x = table[code] absmax
void decode(float* x, const uint8_t* codes, float absmax, int64_t n, const Map& map) {
  const float* values = map.values;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) x[i] = values[int32_t(codes[i])] * absmax;
}

// codes and absmax of n numbers; those of zeros alone are 0's.
void encode(uint8_t* codes, float& absmax, const float* x, int64_t n, const Map& map) {
  absmax = largest(x, n);
  const float divisor = absmax > 0 ? absmax : 1;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) codes[i] = map.nearest(x[i] / divisor);
}

// A step of one block; block: its number in the parameter.
void update_block(const ParameterSlot& s, int64_t block, const AdamWStep& step,
                  const StepRates& rates, const Map& first, const Map& second) {
  const int64_t begin = block * kMomentBlock;
  const int64_t n = std::min(kMomentBlock, s.parameter.numel() - begin);
  float* p = s.parameter.as<float>() + begin;
  const float* g = s.gradient.as<float>() + begin;
  uint8_t *m_codes = s.first.as<uint8_t>() + begin, *v_codes = s.second.as<uint8_t>() + begin;
  float &m_absmax = s.first_absmax.as<float>()[block],
        &v_absmax = s.second_absmax.as<float>()[block];
  const float beta1 = float(step.beta1), beta2 = float(step.beta2), eps = float(step.eps);
  const float rest1 = float(1 - step.beta1), rest2 = float(1 - step.beta2);
  const double lr = rates.lr * s.lr_scale;
  const float keep = float(1 - lr * s.weight_decay), rate = float(lr / rates.correction1);
  const float root = float(1 / std::sqrt(rates.correction2));
  float m[kMomentBlock], v[kMomentBlock];
  decode(m, m_codes, m_absmax, n, first);
  decode(v, v_codes, v_absmax, n, second);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    m[i] = beta1 * m[i] + rest1 * g[i];
    v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
    p[i] = keep * p[i] - rate * m[i] / (std::sqrt(v[i]) * root + eps);
  }
  encode(m_codes, m_absmax, m, n, first);
  encode(v_codes, v_absmax, v, n, second);
}

}  // namespace

void adamw_8bit(std::span<const ParameterSlot> slots, AdamWStep step, StepRates rates,
                const MomentMaps& maps) {
  if (slots.empty()) return;
  const Map first(maps.first), second(maps.second);
  const auto size = [&](size_t i) { return slots[i].parameter.numel(); };
  for_each_chunk(slots.size(), size, [&](const Chunk& c, size_t) {
    for (int64_t at = c.begin; at < c.end; at += kMomentBlock)
      update_block(slots[c.tensor], at / kMomentBlock, step, rates, first, second);
  });
}

}  // namespace papilio::cpu
