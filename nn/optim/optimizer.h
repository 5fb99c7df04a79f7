// What every optimiser shares: parameter groups, the learning rate, and state that can be saved and
// restored.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "kernels/optim.h"
#include "tensor/tensor.h"

namespace papilio::nn {

// Leaves that train with a rate of lr_scale times the optimiser's, and a weight decay of their own.
struct ParameterGroup {
  std::vector<Tensor> parameters;
  double lr_scale = 1;
  double weight_decay = 0;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  // Updates every parameter that has a gradient, in one pass over memory.
  void step();
  // Drops all gradients.
  void zero_grad();

  // A step in a CUDA graph (nn/train/captured_step.h). record_step() asks for the update with the
  // rates that `live`, on the device, has when the graph is launched; begin_step() counts a step
  // and says its rates; end_step() says whether it was made.
  void record_step(const LiveStep* live);
  StepRates begin_step();
  void end_step(bool made);

  double lr() const { return lr_; }
  void set_lr(double lr);
  int64_t steps() const { return steps_; }
  std::vector<Tensor> parameters() const;

  // Moments by "<parameter's index>.<name>", and "steps"; sharing memory.
  std::map<std::string, Tensor> state_dict() const;
  // Copies them back. Throws ArgumentError where names or shapes do not fit, and then changes
  // nothing.
  void load_state_dict(const std::map<std::string, Tensor>& state);

 protected:
  // `moments` are the names of the tensors kept for each parameter (at most two), zero at the
  // start.
  Optimizer(const std::vector<ParameterGroup>& groups, double lr, std::vector<std::string> moments);
  virtual void update(std::span<const ParameterSlot> slots, StepRates rates) = 0;
  virtual void update_live(std::span<const ParameterSlot> slots, const LiveStep* live) = 0;
  // Of the step that steps() counts.
  virtual StepRates rates() const { return {.lr = lr_}; }
  // Where all parameters are.
  Device device() const {
    return entries_.empty() ? Device::cpu() : entries_[0].parameter.device();
  }

 private:
  struct Entry {
    Tensor parameter;
    std::vector<Tensor> moments;
    double lr_scale, weight_decay;
  };

  // Calls f(slots) with every parameter that has a gradient.
  template <class F>
  void with_slots(F&& f);

  std::vector<Entry> entries_;
  std::vector<std::string> moment_names_;
  double lr_;
  int64_t steps_ = 0;
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
};

// Adam with decoupled weight decay (arXiv 1711.05101), as torch.optim.AdamW computes it.
class AdamW : public Optimizer {
 public:
  explicit AdamW(const std::vector<ParameterGroup>& groups, AdamWOptions options = {});

 private:
  void update(std::span<const ParameterSlot> slots, StepRates rates) override;
  void update_live(std::span<const ParameterSlot> slots, const LiveStep* live) override;
  StepRates rates() const override;
  AdamWOptions options_;
};

struct SgdOptions {
  double lr = 1e-2;
  double momentum = 0;
  bool nesterov = false;
};

// Stochastic gradient descent with momentum, as torch.optim.SGD computes it (dampening 0).
class Sgd : public Optimizer {
 public:
  explicit Sgd(const std::vector<ParameterGroup>& groups, SgdOptions options = {});

 private:
  void update(std::span<const ParameterSlot> slots, StepRates rates) override;
  void update_live(std::span<const ParameterSlot> slots, const LiveStep* live) override;
  SgdOptions options_;
};

// Scales all gradients so that their joint 2-norm is at most max_norm. Returns the norm before. A
// norm that is not finite leaves the gradients as they are.
double clip_grad_norm(const std::vector<Tensor>& parameters, double max_norm);

}  // namespace papilio::nn
