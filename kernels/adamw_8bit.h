// AdamW whose moments are codes of 8 bits: "8-bit optimizers via block-wise quantization",
// arXiv 2110.02861, as bitsandbytes' AdamW8bit computes it in PyTorch and Triton. Its CUDA kernels
// have no 0 for a negative first moment, but the value below; its CPU library rounds a moment to
// one of 65,536 levels of equal distance first, so that no second moment is below 1.5e-5 of the
// block's largest.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/declare.h"
#include "kernels/optim.h"
#include "kernels/view.h"

namespace papilio {

// Elements that share a scale.
inline constexpr int64_t kMomentBlock = 256;

// The values of the codes: (256) float32, ascending, as dynamic_table (kernels/quantize.h) writes
// them. No two of the middles between neighbours share their upper 16 bits, and none
// is smaller than 2^-24.
struct MomentMaps {
  ConstView first, second;
};

// One step of every parameter, float32, in one pass over memory. Moments are table[code] absmax;
// after the update (AdamWStep's, in float32), a block's absmax is its largest magnitude, and a code
// that of the table's value nearest to moment / absmax (the lower one, halfway between two).
// ParameterSlot::first, second: codes, uint8, of the parameter's shape; first_absmax,
// second_absmax: float32, of blocks of kMomentBlock elements.
PAPILIO_KERNEL(void adamw_8bit(std::span<const ParameterSlot> slots, AdamWStep step,
                               StepRates rates, const MomentMaps& maps));

namespace cuda {

// The same with the rates of `live`, as adamw_live.
void adamw_8bit_live(std::span<const ParameterSlot> slots, AdamWStep step, const LiveStep* live,
                     const MomentMaps& maps);

}  // namespace cuda

}  // namespace papilio
