#include "nn/train/memory_plan.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/log_softmax.h"
#include "nn/data/batch_source.h"
#include "nn/parallel/data_parallel.h"
#include "nn/train/detail/accumulate.h"
#include "nn/train/detail/token_answers.h"
#include "nn/train/model_average.h"
#include "tensor/creation.h"
#include "tensor/dry_run.h"
#include "tensor/random.h"

namespace papilio::nn {

namespace {

// Random states stay as they are, and nothing of the dry run stays in the model.
class Untouched {
 public:
  explicit Untouched(Module& model) : model_(model), random_(default_generator().state()) {}
  ~Untouched() {
    default_generator().set_state(random_);
    zero_grad(model_);
    eval(model_);
  }
  Untouched(const Untouched&) = delete;
  Untouched& operator=(const Untouched&) = delete;

 private:
  Module& model_;
  GeneratorState random_;
};

size_t parameter_bytes(Module& model) {
  std::set<const Storage*> counted;
  size_t bytes = 0;
  for (const NamedTensor& p : named_parameters(model, true)) {
    const Storage* const storage = p.tensor->storage().get();
    if (storage != nullptr && counted.insert(storage).second) bytes += storage->bytes();
  }
  return bytes;
}

constexpr const char* kBefore = "before";  // blocks that are no activations

// In the CPU's memory.
size_t batch_bytes(const PlannedTraining& run, int64_t size) {
  const Batch batch = run.batch(size, Device::cpu());
  size_t bytes = 0;
  for (const Tensor& t : {batch.inputs, batch.labels, batch.targets})
    if (t) bytes += size_t(t.numel()) * size_of(t.dtype());
  for (const auto& [name, t] : batch.more) bytes += size_t(t.numel()) * size_of(t.dtype());
  return bytes;
}

}  // namespace

PlannedTraining planned_images(const Forward& forward, const Forward& evaluation,
                               const PlannedImages& images) {
  PlannedTraining run;
  run.batch = [images](int64_t size, Device device) {
    const Dims& s = images.shape;
    Batch batch;
    batch.inputs = empty({size, s[0], s[1], s[2]}, {.device = device});
    batch.labels = empty({size}, {.dtype = DType::int64, .device = device});
    if (images.mixed_targets) batch.targets = empty({size, images.classes}, {.device = device});
    return batch;
  };
  run.loss = [forward, smoothing = images.label_smoothing](const Batch& batch) {
    return cross_entropy(forward(batch.inputs), batch.target(), {.label_smoothing = smoothing});
  };
  run.evaluate = [evaluation](const Batch& batch) { log_softmax(evaluation(batch.inputs)); };
  return run;
}

PlannedTraining planned_text(LanguageModel& model, const Loss& loss, int64_t length) {
  PlannedTraining run;
  run.batch = [length](int64_t size, Device device) {
    const TensorOptions tokens{.dtype = DType::int64, .device = device};
    Batch batch;
    batch.inputs = empty({size, length}, tokens);
    batch.labels = empty({size, length}, tokens);
    return batch;
  };
  run.loss = loss;
  run.evaluate = [&model](const Batch& batch) { token_answers(model, batch); };
  return run;
}

PlannedTraining planned_pictures(const Loss& loss, const PlannedPictures& pictures) {
  PlannedTraining run;
  run.batch = [pictures](int64_t size, Device device) {
    const Dims pixels{size, 3, pictures.side, pictures.side};
    const auto ids = [&] {
      return empty({size, pictures.tokens}, {.dtype = DType::int64, .device = device});
    };
    Batch batch;
    batch.inputs = empty(pixels, {.device = device});
    batch.more["input_ids"] = ids();
    if (pictures.conditioning) batch.more["conditioning"] = empty(pixels, {.device = device});
    if (pictures.class_images) {
      batch.more["class_inputs"] = empty(pixels, {.device = device});
      batch.more["class_input_ids"] = ids();
    }
    return batch;
  };
  run.loss = loss;
  return run;
}

MemoryPlan plan_training(Module& model, const PlannedTraining& run) {
  const Untouched untouched(model);
  const Device device = device_of(model);
  const DryRun dry;
  const auto in_use = [&] { return dry.stats(device).in_use; };
  MemoryPlan plan;
  plan.parameters = parameter_bytes(model);

  const std::unique_ptr<Optimizer> optimizer = run.optimizer();
  std::unique_ptr<ModelAverage> average;
  if (run.average) average = std::make_unique<ModelAverage>(model, 0.5);
  plan.optimizer = in_use();

  // Two batches show what accumulation keeps.
  std::vector<Batch> batches;
  for (int64_t i = 0; i < std::min<int64_t>(run.accumulation_steps, 2); ++i)
    batches.push_back(run.batch(run.batch_size, device));
  const size_t inputs = in_use() - plan.optimizer;
  train(model);
  {
    DryRun::name_blocks(kBefore);
    const Tensor loss = run.loss(batches[0]);
    plan.activations = in_use() - plan.optimizer - inputs;
    plan.by_operation = dry.in_use_by_operation();
    plan.by_operation.erase(kBefore);
  }
  accumulate(run.loss, batches);
  plan.gradients = in_use() - plan.optimizer - inputs;
  clip_grad_norm(optimizer->parameters(), 1);
  optimizer->step();
  if (run.evaluation_batch > 0) {  // beside the gradients of the last step
    eval(model);
    const NoGrad no_grad;
    run.evaluate(run.batch(run.evaluation_batch, device));
  }

  // On the CPU the batches are counted with those that wait; on a GPU they are copies.
  const size_t most =
      dry.stats(device).peak_in_use - plan.optimizer - (device.is_cpu() ? inputs : 0);
  plan.activations = std::min(plan.activations, most);
  plan.gradients = std::min(plan.gradients, most - plan.activations);
  plan.workspace = most - plan.activations - plan.gradients;
  plan.batches =
      batch_bytes(run, run.batch_size) * size_t(run.accumulation_steps + run.batches_ahead) +
      (run.evaluation_batch > 0
           ? batch_bytes(run, run.evaluation_batch) * size_t(1 + run.batches_ahead)
           : 0);
  if (run.parallel != nullptr) {
    int64_t trained = 0;
    for (const Tensor& p : optimizer->parameters()) trained += p.numel();
    plan.exchange = run.parallel->bytes_on_the_way(trained);
  }
  return plan;
}

}  // namespace papilio::nn
