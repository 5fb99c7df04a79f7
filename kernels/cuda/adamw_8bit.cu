#include "kernels/adamw_8bit.h"

#include <cmath>
#include <cstdint>

#include "kernels/cuda/row.h"
#include "kernels/cuda/tensor_table.h"

namespace papilio::cuda {
namespace {

constexpr int kEach = int(kMomentBlock) / kWarp;  // elements of a lane: a warp has a block's
static_assert(kChunk % kMomentBlock == 0);

struct CodedParameter {
  float* parameter;
  const float* gradient;
  uint8_t *first, *second;
  float *first_absmax, *second_absmax;
  double lr_scale, decay;
  int64_t n = 0, first_chunk = 0;
};

struct AdamWNumbers {
  float beta1, beta2, rest1, rest2, eps;
};

// The number of bounds (255, ascending) below x: the code of the nearest value.
__device__ uint8_t nearest_code(const float* bounds, float x) {
  int code = 0;
  for (int step = 128; step > 0; step /= 2)
    if (bounds[code + step - 1] < x) code += step;
  return uint8_t(code);
}

// absmax and codes of the warp's block: x of lane l are the elements l, l + 32, ...
__device__ void encode(uint8_t* codes, float* absmax, const float (&x)[kEach], int lane, int64_t n,
                       const float* bounds) {
  float most = 0;
#pragma unroll
  for (int k = 0; k < kEach; ++k) most = Larger()(std::fabs(x[k]), most);
  most = join_warp(most, Larger());
  if (lane == 0) *absmax = most;
  const float divisor = most > 0 ? most : 1;
#pragma unroll
  for (int k = 0; k < kEach; ++k) {
    const int64_t i = lane + k * kWarp;
    if (i < n) codes[i] = nearest_code(bounds, x[k] / divisor);
  }
}

__global__ void adamw_8bit_chunks(const CodedParameter* table, int count, AdamWNumbers step,
                                  StepRates given, const LiveStep* live, const float* first_map,
                                  const float* second_map) {
  SHARED(float, values1, 256);
  SHARED(float, values2, 256);
  SHARED(float, bounds1, 256);
  SHARED(float, bounds2, 256);
  if (live != nullptr && live->factor == 0) return;
  for (int i = int(threadIdx.x); i < 256; i += int(blockDim.x)) {
    values1[i] = first_map[i], values2[i] = second_map[i];
    if (i == 255) continue;
    bounds1[i] = (first_map[i] + first_map[i + 1]) / 2;
    bounds2[i] = (second_map[i] + second_map[i + 1]) / 2;
  }
  __syncthreads();
  const StepRates rates = live != nullptr ? live->rates : given;
  const CodedParameter& e = entry_of_block(table, count);
  const double lr = rates.lr * e.lr_scale;
  const float keep = float(1 - lr * e.decay), rate = float(lr / rates.correction1);
  const float root = float(1 / std::sqrt(rates.correction2));
  const int lane = int(threadIdx.x) % kWarp, warps = int(blockDim.x) / kWarp;
  for (int64_t at = chunk_begin(e) + int64_t(threadIdx.x) / kWarp * kMomentBlock; at < chunk_end(e);
       at += warps * kMomentBlock) {
    const int64_t block = at / kMomentBlock;
    const int64_t n = at + kMomentBlock < e.n ? kMomentBlock : e.n - at;
    const float m_absmax = e.first_absmax[block], v_absmax = e.second_absmax[block];
    float m[kEach], v[kEach];
#pragma unroll
    for (int k = 0; k < kEach; ++k) {
      m[k] = v[k] = 0;
      if (lane + k * kWarp >= n) continue;
      const int64_t i = at + lane + k * kWarp;
      const float g = e.gradient[i];
      m[k] = step.beta1 * (values1[e.first[i]] * m_absmax) + step.rest1 * g;
      v[k] = step.beta2 * (values2[e.second[i]] * v_absmax) + step.rest2 * g * g;
      e.parameter[i] = keep * e.parameter[i] - rate * m[k] / (std::sqrt(v[k]) * root + step.eps);
    }
    __syncwarp();  // all have read absmax
    encode(e.first + at, e.first_absmax + block, m, lane, n, bounds1);
    encode(e.second + at, e.second_absmax + block, v, lane, n, bounds2);
  }
}

void adamw_8bit(std::span<const ParameterSlot> slots, const AdamWStep& s, StepRates rates,
                const LiveStep* live, const MomentMaps& maps) {
  Table<CodedParameter> table;
  for (const ParameterSlot& p : slots)
    table.add({p.parameter.as<float>(), p.gradient.as<float>(), p.first.as<uint8_t>(),
               p.second.as<uint8_t>(), p.first_absmax.as<float>(), p.second_absmax.as<float>(),
               p.lr_scale, p.weight_decay},
              p.parameter.numel());
  table.launch_over(adamw_8bit_chunks,
                    AdamWNumbers{float(s.beta1), float(s.beta2), float(1 - s.beta1),
                                 float(1 - s.beta2), float(s.eps)},
                    rates, live, maps.first.as<float>(), maps.second.as<float>());
}

}  // namespace

void adamw_8bit(std::span<const ParameterSlot> slots, AdamWStep step, StepRates rates,
                const MomentMaps& maps) {
  adamw_8bit(slots, step, rates, nullptr, maps);
}

void adamw_8bit_live(std::span<const ParameterSlot> slots, AdamWStep step, const LiveStep* live,
                     const MomentMaps& maps) {
  adamw_8bit(slots, step, {}, live, maps);
}

}  // namespace papilio::cuda
