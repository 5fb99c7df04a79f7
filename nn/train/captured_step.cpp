#include "nn/train/captured_step.h"

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "kernels/cuda.h"
#include "kernels/cuda_graph.h"
#include "kernels/optim.h"
#include "nn/optim/detail/update_rule.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"
#include "tensor/random.h"

namespace papilio::nn {

// The graph and what its kernels read.
class CapturedStep::Recording {
 public:
  Recording(CapturedStep& step, const Batch& batch)
      : inputs_(copy_of(batch.inputs, step.device_)),
        target_(copy_of(batch.target(), step.device_)),
        live_(zeros({int64_t(sizeof(LiveStep) / sizeof(double))},
                    {.dtype = DType::float64, .device = step.device_})),
        random_(default_generator().state()) {
    step.optimizer_.zero_grad();
    graph_ = cuda::begin_recording(step.device_.index);
    try {
      record(step);
    } catch (...) {
      cuda::end_recording(graph_, false);
      step.optimizer_.zero_grad();
      default_generator().set_state(random_);
      throw;
    }
    words_ = default_generator().state().offset - random_.offset;
    default_generator().set_state(random_);
    cuda::end_recording(graph_, true);
  }
  ~Recording() { cuda::destroy_graph(graph_); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  bool takes(const Batch& batch) const {
    return batch.inputs.shape() == inputs_.shape() && batch.inputs.dtype() == inputs_.dtype() &&
           batch.target().shape() == target_.shape() && batch.target().dtype() == target_.dtype() &&
           default_generator().seed() == random_.seed;
  }

  // Kernels would read beside the logits.
  void check_labels(const Batch& batch) const {
    if (batch.target().dtype() != DType::int64) return;
    for (const int64_t label : batch.labels.to_vector<int64_t>())
      check(label >= 0 && label < classes_, "CapturedStep: expected classes in [0, ", classes_,
            "), got ", label);
  }

  LiveStep launch(const Batch& batch, StepRates rates, double max_norm) {
    copy_(inputs_, batch.inputs);
    copy_(target_, batch.target());
    LiveStep live{.rates = rates, .max_norm = max_norm};
    const int device = inputs_.device().index;
    cuda::copy_from_host(live_.raw_data(), &live, sizeof live, device);
    const uint64_t first = default_generator().reserve(words_);
    cuda::set_random_shift(graph_, first - random_.offset);
    cuda::launch_graph(graph_);
    cuda::copy_to_host(&live, live_.raw_data(), sizeof live, device);
    return live;
  }

 private:
  void record(CapturedStep& step) {
    const Tensor logits = step.forward_(inputs_);
    classes_ = logits.size(-1);
    const Tensor loss =
        cross_entropy(logits, target_, {.label_smoothing = step.options_.label_smoothing});
    backward(loss);
    std::vector<View> gradients;
    for (const Tensor& p : step.optimizer_.parameters())
      if (const Tensor g = grad(p); g.defined()) gradients.push_back(view(g));
    auto* live = static_cast<LiveStep*>(live_.raw_data());
    pick_cuda("CapturedStep", step.device_, cuda::find_clip_factor)(live, view(loss), gradients);
    pick_cuda("CapturedStep", step.device_, cuda::clip)(gradients, live);
    Optimizer::Captured(step.optimizer_).record(live);
  }

  cuda::Graph* graph_ = nullptr;
  Tensor inputs_, target_, live_;
  GeneratorState random_;  // where the recorded draws begin
  uint64_t words_ = 0;     // of a step
  int64_t classes_ = 0;
};

CapturedStep::CapturedStep(Module& model, Forward forward, Optimizer& optimizer, Options options)
    : forward_(std::move(forward)),
      optimizer_(optimizer),
      options_(options),
      device_(device_of(model)) {
  check(!device_.is_cpu(), "CapturedStep: a CUDA graph needs a model on a GPU, this one is on ",
        device_);
}

CapturedStep::~CapturedStep() = default;

CapturedStep::Result CapturedStep::operator()(const Batch& batch) {
  if (recording_ && recording_->takes(batch)) return launch(batch);
  if (recording_ || batch.inputs.shape() != seen_) {
    seen_ = batch.inputs.shape();
    return ordinary(batch);
  }
  recording_ = std::make_unique<Recording>(*this, batch);
  return launch(batch);
}

CapturedStep::Result CapturedStep::ordinary(const Batch& batch) {
  optimizer_.zero_grad();
  const Tensor loss =
      cross_entropy(forward_(to(batch.inputs, device_)), to(batch.target(), device_),
                    {.label_smoothing = options_.label_smoothing});
  backward(loss);
  const double value = loss.item();
  const double norm = clip_grad_norm(optimizer_.parameters(), options_.max_gradient_norm);
  const bool finite = std::isfinite(value) && std::isfinite(norm);
  if (finite) optimizer_.step();
  return {value, norm, finite};
}

CapturedStep::Result CapturedStep::launch(const Batch& batch) {
  recording_->check_labels(batch);
  Optimizer::Captured optimizer(optimizer_);
  const LiveStep live = recording_->launch(batch, optimizer.begin(), options_.max_gradient_norm);
  const bool updated = live.factor != 0;
  optimizer.end(updated);
  ++launched_;
  return {live.loss, live.norm, updated};
}

}  // namespace papilio::nn
