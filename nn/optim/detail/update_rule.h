// What an optimiser is beside its state, in its kernels' terms.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/optim.h"
#include "nn/optim/optimizer.h"

namespace papilio::nn {

// How a step changes the parameters.
struct Optimizer::UpdateRule {
  virtual ~UpdateRule() = default;
  // Whether the parameter's moments are codes of 8 bits.
  virtual bool in_8_bits(const Tensor& /*parameter*/) const { return false; }
  // The rates of step number `step`, counted from 1.
  virtual StepRates rates(double lr, int64_t /*step*/) const { return {.lr = lr}; }
  virtual void update(Device device, std::span<const ParameterSlot> slots,
                      StepRates rates) const = 0;
  // The same in a CUDA graph: with the rates that `live`, on the device, has when the graph is
  // launched.
  virtual void update_live(Device device, std::span<const ParameterSlot> slots,
                           const LiveStep* live) const = 0;
};

// An optimiser's step in a CUDA graph (nn/train/captured_step.h). record() asks for the update with
// the rates that `live`, on the device, has when the graph is launched; begin() counts a step and
// says its rates; end() says whether it was made.
class Optimizer::Captured {
 public:
  explicit Captured(Optimizer& optimizer) : optimizer_(optimizer) {}
  void record(const LiveStep* live);
  StepRates begin();
  void end(bool made);

 private:
  Optimizer& optimizer_;
};

}  // namespace papilio::nn
