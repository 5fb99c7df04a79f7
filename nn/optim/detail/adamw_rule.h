// How AdamW changes the parameters.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "kernels/optim.h"
#include "nn/optim/detail/update_rule.h"
#include "nn/optim/optimizer.h"
#include "tensor/error.h"
#include "tensor/pick.h"

namespace papilio::nn {

struct AdamWRule : Optimizer::UpdateRule {
  AdamWStep step;

  // Throws ArgumentError, which begins with `who`, for options out of range.
  AdamWRule(const char* who, const AdamWOptions& o) : step{o.beta1, o.beta2, o.eps} {
    for (const double beta : {o.beta1, o.beta2})
      check(beta >= 0 && beta < 1, who, ": expected betas in [0, 1), got ", beta);
    check(o.eps >= 0, who, ": expected eps >= 0, got ", o.eps);
  }
  StepRates rates(double lr, int64_t t) const override {
    return {lr, 1 - std::pow(step.beta1, double(t)), 1 - std::pow(step.beta2, double(t))};
  }
  void update(Device device, std::span<const ParameterSlot> slots, StepRates rates) const override {
    pick(device, cpu::adamw, cuda::adamw)(slots, step, rates);
  }
  void update_live(Device device, std::span<const ParameterSlot> slots,
                   const LiveStep* live) const override {
    pick_cuda("AdamW", device, cuda::adamw_live)(slots, step, live);
  }
};

}  // namespace papilio::nn
