#include "nn/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "autograd/backward.h"
#include "kernels/adamw_8bit.h"
#include "kernels/optim.h"
#include "nn/optim/detail/adamw_rule.h"
#include "nn/optim/detail/check_state.h"
#include "nn/optim/detail/update_rule.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio::nn {

namespace {

void check_lr(double lr) {
  check(std::isfinite(lr) && lr >= 0, "Optimizer: expected a learning rate >= 0, got ", lr);
}

}  // namespace

Optimizer::Optimizer(const std::vector<ParameterGroup>& groups, double lr,
                     std::vector<std::string> moments, std::unique_ptr<const UpdateRule> rule)
    : moment_names_(std::move(moments)), rule_(std::move(rule)), lr_(lr) {
  check_lr(lr);
  for (const ParameterGroup& group : groups) {
    check(group.weight_decay >= 0, "Optimizer: expected weight_decay >= 0, got ",
          group.weight_decay);
    for (const Tensor& p : group.parameters) {
      check(p.requires_grad(), "Optimizer: a parameter of shape ", p.shape(),
            " collects no gradient");
      check(p.dtype() == DType::float32 || p.dtype() == DType::float64,
            "Optimizer: expected float32 or float64 parameters, got ", p.dtype());
      check(p.is_contiguous(), "Optimizer: expected contiguous parameters");
      check(entries_.empty() || p.device() == device(),
            "Optimizer: expected parameters on one device, got ", device(), " and ", p.device());
      const auto same = [&](const Entry& e) { return e.parameter.node() == p.node(); };
      check(std::ranges::none_of(entries_, same), "Optimizer: a parameter of shape ", p.shape(),
            " is given twice");
      Entry entry{p, {}, {}, group.lr_scale, group.weight_decay};
      for (size_t i = 0; i < moment_names_.size(); ++i) {
        if (!rule_->in_8_bits(p)) {
          entry.moments.push_back(zeros_like(p));
          continue;
        }
        const int64_t blocks = (p.numel() + kMomentBlock - 1) / kMomentBlock;
        entry.moments.push_back(zeros(p.shape(), {.dtype = DType::uint8, .device = p.device()}));
        entry.absmax.push_back(zeros({blocks}, {.device = p.device()}));
      }
      entries_.push_back(std::move(entry));
    }
  }
}

Optimizer::~Optimizer() = default;

template <class F>
void Optimizer::with_slots(F&& f) const {
  std::vector<ParameterSlot> slots;
  std::vector<Tensor> gradients;
  for (const Entry& e : entries_) {
    const Tensor g = papilio::grad(e.parameter);
    if (!g.defined()) continue;
    gradients.push_back(contiguous_data(g));
    ParameterSlot slot{view(e.parameter), view(gradients.back()), {}, {},
                       e.lr_scale,        e.weight_decay};
    if (!e.moments.empty()) slot.first = view(e.moments[0]);
    if (e.moments.size() > 1) slot.second = view(e.moments[1]);
    if (!e.absmax.empty()) slot.first_absmax = view(e.absmax[0]);
    if (e.absmax.size() > 1) slot.second_absmax = view(e.absmax[1]);
    slots.push_back(slot);
  }
  f(std::span<const ParameterSlot>(slots));
}

void Optimizer::step() {
  Captured counted(*this);
  const StepRates rates = counted.begin();
  with_slots([&](auto slots) { rule_->update(device(), slots, rates); });
  counted.end(true);
}

void Optimizer::Captured::record(const LiveStep* live) {
  optimizer_.with_slots(
      [&](auto slots) { optimizer_.rule_->update_live(optimizer_.device(), slots, live); });
}

StepRates Optimizer::Captured::begin() {
  return optimizer_.rule_->rates(optimizer_.lr_, ++optimizer_.steps_);
}

void Optimizer::Captured::end(bool made) {
  if (!made) --optimizer_.steps_;
  for (const Entry& e : optimizer_.entries_) e.parameter.storage()->bump_version();
}

void Optimizer::zero_grad() {
  for (const Entry& e : entries_) papilio::zero_grad(e.parameter);
}

void Optimizer::set_lr(double lr) {
  check_lr(lr);
  lr_ = lr;
}

std::vector<Tensor> Optimizer::parameters() const {
  std::vector<Tensor> result;
  for (const Entry& e : entries_) result.push_back(e.parameter);
  return result;
}

std::map<std::string, Tensor> Optimizer::state_dict() const {
  std::map<std::string, Tensor> state{{"steps", full({}, double(steps_), {.dtype = DType::int64})}};
  for (size_t i = 0; i < entries_.size(); ++i) {
    for (size_t k = 0; k < moment_names_.size(); ++k) {
      const std::string name = std::to_string(i) + '.' + moment_names_[k];
      state[name] = entries_[i].moments[k];
      if (!entries_[i].absmax.empty()) state[name + "_absmax"] = entries_[i].absmax[k];
    }
  }
  return state;
}

void Optimizer::load_state_dict(const std::map<std::string, Tensor>& state) {
  const std::map<std::string, Tensor> mine = state_dict();
  check_state("Optimizer", mine, state, "steps");
  for (const auto& [name, tensor] : mine) copy_(tensor, state.at(name));
  steps_ = state.at("steps").item<int64_t>();
}

namespace {

// A zero buffer at the first step makes b = g, as PyTorch begins.
struct SgdRule : Optimizer::UpdateRule {
  SgdStep step;

  explicit SgdRule(const SgdOptions& o) : step{o.momentum, o.nesterov} {}
  void update(Device device, std::span<const ParameterSlot> slots, StepRates rates) const override {
    pick(device, cpu::sgd, cuda::sgd)(slots, step, rates);
  }
  void update_live(Device device, std::span<const ParameterSlot> slots,
                   const LiveStep* live) const override {
    pick_cuda("Sgd", device, cuda::sgd_live)(slots, step, live);
  }
};

std::vector<std::string> sgd_moments(const SgdOptions& options) {
  if (options.momentum == 0) return {};
  return {"momentum_buffer"};
}

}  // namespace

AdamW::AdamW(const std::vector<ParameterGroup>& groups, AdamWOptions options)
    : Optimizer(groups, options.lr, {"exp_avg", "exp_avg_sq"},
                std::make_unique<AdamWRule>("AdamW", options)) {}

Sgd::Sgd(const std::vector<ParameterGroup>& groups, SgdOptions options)
    : Optimizer(groups, options.lr, sgd_moments(options), std::make_unique<SgdRule>(options)) {
  check(options.momentum >= 0 && options.momentum < 1, "Sgd: expected momentum in [0, 1), got ",
        options.momentum);
  check(!options.nesterov || options.momentum > 0, "Sgd: nesterov needs momentum");
}

double clip_grad_norm(const std::vector<Tensor>& parameters, double max_norm) {
  check(max_norm > 0, "clip_grad_norm: expected max_norm > 0, got ", max_norm);
  // Gradients of leaves are contiguous and nobody else's (autograd/backward.cpp): scaling in place
  // is safe.
  std::vector<ConstView> in;
  std::vector<View> out;
  Device device;
  for (const Tensor& p : parameters) {
    const Tensor g = papilio::grad(p);
    if (!g.defined()) continue;
    check(in.empty() || g.device() == device,
          "clip_grad_norm: expected gradients on one device, got ", device, " and ", g.device());
    device = g.device();
    in.push_back(view(g));
    out.push_back(view(g));
  }
  const double norm = std::sqrt(pick(device, cpu::sum_of_squares, cuda::sum_of_squares)(in));
  if (std::isfinite(norm) && norm > max_norm)
    pick(device, cpu::scale, cuda::scale)(out, max_norm / (norm + 1e-6));
  return norm;
}

}  // namespace papilio::nn
