// What every optimiser shares: parameter groups, the learning rate, and state that can be saved and
// restored.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace papilio::nn {

// Leaves that train with a rate of lr_scale times the optimiser's, and a weight decay of their own.
struct ParameterGroup {
  std::vector<Tensor> parameters;
  double lr_scale = 1;
  double weight_decay = 0;
};

// What all optimisers share: groups of parameters, the rate, moments and their state dict.
class Optimizer {
 public:
  // Its kernels and its step in a CUDA graph: nn/optim/detail/update_rule.h.
  struct UpdateRule;
  class Captured;

  virtual ~Optimizer();
  // Updates every parameter that has a gradient, in one pass over memory.
  void step();
  // Drops all gradients.
  void zero_grad();

  // The rate; steps made; the parameters of all groups.
  double lr() const { return lr_; }
  void set_lr(double lr);
  int64_t steps() const { return steps_; }
  std::vector<Tensor> parameters() const;

  // Moments by "<parameter's index>.<name>", and "steps"; sharing memory. Of moments in 8 bits the
  // codes, and "<name>_absmax".
  std::map<std::string, Tensor> state_dict() const;
  // Copies them back. Throws ArgumentError if names or shapes do not fit, and then changes
  // nothing.
  void load_state_dict(const std::map<std::string, Tensor>& state);

 protected:
  // `moments` are the names of the tensors kept for each parameter (at most two), zero at the
  // start.
  Optimizer(const std::vector<ParameterGroup>& groups, double lr, std::vector<std::string> moments,
            std::unique_ptr<const UpdateRule> rule);

 private:
  struct Entry {
    Tensor parameter;
    std::vector<Tensor> moments;
    std::vector<Tensor> absmax;  // of moments in 8 bits
    double lr_scale, weight_decay;
  };

  // Where all parameters are.
  Device device() const {
    return entries_.empty() ? Device::cpu() : entries_[0].parameter.device();
  }
  // Calls f(slots) with every parameter that has a gradient.
  template <class F>
  void with_slots(F&& f) const;

  std::vector<Entry> entries_;
  std::vector<std::string> moment_names_;
  std::unique_ptr<const UpdateRule> rule_;
  double lr_;
  int64_t steps_ = 0;
};

// PyTorch's names and defaults.
struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
};

// Adam with decoupled weight decay (arXiv 1711.05101), as torch.optim.AdamW computes it.
class AdamW : public Optimizer {
 public:
  explicit AdamW(const std::vector<ParameterGroup>& groups, AdamWOptions options = {});
};

// AdamW whose moments take two bytes a parameter in place of eight (arXiv 2110.02861), as
// bitsandbytes' AdamW8bit keeps them: codes of 8 bits for blocks of 256 elements, each the nearest
// value of its dynamic map times the block's largest magnitude. Parameters of fewer than 4,096
// elements, and those of float64, keep whole moments. A second moment below 1.6e-7 of its block's
// largest is 0.
class AdamW8bit : public Optimizer {
 public:
  explicit AdamW8bit(const std::vector<ParameterGroup>& groups, AdamWOptions options = {});
};

// PyTorch's names; lr has no default there.
struct SgdOptions {
  double lr = 1e-2;
  double momentum = 0;
  bool nesterov = false;
};

// Stochastic gradient descent with momentum, as torch.optim.SGD computes it (dampening 0).
class Sgd : public Optimizer {
 public:
  explicit Sgd(const std::vector<ParameterGroup>& groups, SgdOptions options = {});
};

// Scales all gradients so that their joint 2-norm is at most max_norm. Returns the norm before. A
// norm that is not finite leaves the gradients as they are.
double clip_grad_norm(const std::vector<Tensor>& parameters, double max_norm);

}  // namespace papilio::nn
