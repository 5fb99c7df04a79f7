#include "nn/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "autograd/backward.h"
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
                     std::vector<std::string> moments)
    : moment_names_(std::move(moments)), lr_(lr) {
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
      Entry entry{p, {}, group.lr_scale, group.weight_decay};
      for (size_t i = 0; i < moment_names_.size(); ++i) entry.moments.push_back(zeros_like(p));
      entries_.push_back(std::move(entry));
    }
  }
}

template <class F>
void Optimizer::with_slots(F&& f) {
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
    slots.push_back(slot);
  }
  f(std::span<const ParameterSlot>(slots));
}

void Optimizer::step() {
  const StepRates rates = begin_step();
  with_slots([&](auto slots) { update(slots, rates); });
  end_step(true);
}

void Optimizer::record_step(const LiveStep* live) {
  with_slots([&](auto slots) { update_live(slots, live); });
}

StepRates Optimizer::begin_step() {
  ++steps_;
  return rates();
}

void Optimizer::end_step(bool made) {
  if (!made) --steps_;
  for (const Entry& e : entries_) e.parameter.storage()->bump_version();
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
      state[std::to_string(i) + '.' + moment_names_[k]] = entries_[i].moments[k];
    }
  }
  return state;
}

void Optimizer::load_state_dict(const std::map<std::string, Tensor>& state) {
  const std::map<std::string, Tensor> mine = state_dict();
  for (const auto& [name, tensor] : mine) {
    const auto found = state.find(name);
    check(found != state.end(), "Optimizer: the state has no ", name);
    check(found->second.shape() == tensor.shape(), "Optimizer: expected ", name, " of shape ",
          tensor.shape(), ", got ", found->second.shape());
  }
  check(state.size() == mine.size(), "Optimizer: the state is of another optimiser or model (",
        state.size(), " tensors, expected ", mine.size(), ")");
  for (const auto& [name, tensor] : mine) copy_(tensor, state.at(name));
  steps_ = state.at("steps").item<int64_t>();
}

AdamW::AdamW(const std::vector<ParameterGroup>& groups, AdamWOptions options)
    : Optimizer(groups, options.lr, {"exp_avg", "exp_avg_sq"}), options_(options) {
  for (double beta : {options.beta1, options.beta2}) {
    check(beta >= 0 && beta < 1, "AdamW: expected betas in [0, 1), got ", beta);
  }
  check(options.eps >= 0, "AdamW: expected eps >= 0, got ", options.eps);
}

void AdamW::update(std::span<const ParameterSlot> slots, StepRates rates) {
  pick("AdamW", device(), cpu::adamw, cuda::adamw)(
      slots, {options_.beta1, options_.beta2, options_.eps}, rates);
}

void AdamW::update_live(std::span<const ParameterSlot> slots, const LiveStep* live) {
  cuda::use_device(device().index);
  cuda::adamw_live(slots, {options_.beta1, options_.beta2, options_.eps}, live);
}

StepRates AdamW::rates() const {
  const auto t = double(steps());
  return {lr(), 1 - std::pow(options_.beta1, t), 1 - std::pow(options_.beta2, t)};
}

namespace {

std::vector<std::string> sgd_moments(const SgdOptions& options) {
  if (options.momentum == 0) return {};
  return {"momentum_buffer"};
}

}  // namespace

Sgd::Sgd(const std::vector<ParameterGroup>& groups, SgdOptions options)
    : Optimizer(groups, options.lr, sgd_moments(options)), options_(options) {
  check(options.momentum >= 0 && options.momentum < 1, "Sgd: expected momentum in [0, 1), got ",
        options.momentum);
  check(!options.nesterov || options.momentum > 0, "Sgd: nesterov needs momentum");
}

// A zero buffer at the first step makes b = g, as PyTorch begins.
void Sgd::update(std::span<const ParameterSlot> slots, StepRates rates) {
  pick("Sgd", device(), cpu::sgd, cuda::sgd)(slots, {options_.momentum, options_.nesterov}, rates);
}

void Sgd::update_live(std::span<const ParameterSlot> slots, const LiveStep* live) {
  cuda::use_device(device().index);
  cuda::sgd_live(slots, {options_.momentum, options_.nesterov}, live);
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
  constexpr const char* kName = "clip_grad_norm";
  const double norm = std::sqrt(pick(kName, device, cpu::sum_of_squares, cuda::sum_of_squares)(in));
  if (std::isfinite(norm) && norm > max_norm)
    pick(kName, device, cpu::scale, cuda::scale)(out, max_norm / (norm + 1e-6));
  return norm;
}

}  // namespace papilio::nn
