#include "nn/train/model_average.h"

#include <algorithm>
#include <cstdint>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "nn/optim/detail/check_state.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::nn {

ModelAverage::ModelAverage(Module& model, double decay) : decay_(decay) {
  check(decay >= 0 && decay < 1, "ModelAverage: expected decay in [0, 1), got ", decay);
  for (const auto& [name, tensor] : distinct_parameters(model)) {
    if (tensor->requires_grad()) entries_.push_back({name, *tensor, copy_of(tensor->detach())});
  }
}

void ModelAverage::update() {
  const NoGrad no_grad;
  const auto t = double(updates_++);
  const double d = std::min(decay_, (1 + t) / (10 + t));
  for (const Entry& e : entries_) copy_(e.average, e.average * d + e.parameter.detach() * (1 - d));
}

void ModelAverage::swap() {
  for (const Entry& e : entries_) {
    const Tensor kept = copy_of(e.average);
    copy_(e.average, e.parameter.detach());
    copy_(e.parameter.detach(), kept);
  }
}

void ModelAverage::apply() {
  for (const Entry& e : entries_) copy_(e.parameter.detach(), e.average);
}

StateDict ModelAverage::state_dict() const {
  StateDict state{{"updates", full({}, double(updates_), {.dtype = DType::int64})}};
  for (const Entry& e : entries_) state[e.name] = e.average;
  return state;
}

void ModelAverage::load_state_dict(const StateDict& state) {
  check_state("ModelAverage", state_dict(), state, "updates");
  for (const Entry& e : entries_) copy_(e.average, state.at(e.name));
  updates_ = state.at("updates").item<int64_t>();
}

}  // namespace papilio::nn
