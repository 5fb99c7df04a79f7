#include "samples/papilio/demo/experiment.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/geometry/energy.h"
#include "nn/data/batch_source.h"
#include "nn/data/loader.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/init.h"
#include "nn/layers/linear.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "nn/optim/schedule.h"
#include "samples/papilio/data/median.h"
#include "samples/papilio/images/fit_head.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::demo {

namespace {

std::unique_ptr<nn::ViTForImageClassification> model_from(const Pretrained& pretrained) {
  auto model = std::make_unique<nn::ViTForImageClassification>(pretrained.config);
  nn::load_state_dict(*model, pretrained.state);
  return model;
}

nn::FitOptions fit_options(const Hyperparameters& hyperparameters, int64_t steps) {
  return {.steps = steps,
          .schedule = {.kind = nn::Schedule::Kind::cosine,
                       .warmup_steps = steps / 20,
                       .total_steps = steps},
          .label_smoothing = hyperparameters.label_smoothing};
}

nn::Loader make_loader(const Task& task, const nn::ImageData& data,
                       const Hyperparameters& hyperparameters, uint64_t seed) {
  return nn::Loader(
      nn::batches_of(data, task.training),
      {.batch_size = hyperparameters.batch_size, .seed = seed, .workers = task.workers});
}

// Once all pictures as they are.
nn::Loader plain_loader(const Task& task, const nn::ImageData& data,
                        const Hyperparameters& hyperparameters, uint64_t seed) {
  return nn::Loader(task.batches(data), {.batch_size = hyperparameters.batch_size,
                                         .seed = seed,
                                         .workers = task.workers,
                                         .epochs = 1});
}

}  // namespace

Pretrained pretrain(const Task& task, const Hyperparameters& hyperparameters, uint64_t seed,
                    Device device, const OnStep& on_step) {
  manual_seed(seed);
  nn::ViTForImageClassification model(task.model);
  nn::to(model, device);
  nn::Loader loader = make_loader(task, task.old_classes.train, hyperparameters, seed);
  const int64_t steps = hyperparameters.pretrain_epochs * loader.batches_per_epoch();
  nn::AdamW optimizer(nn::parameter_groups(model, {.weight_decay = hyperparameters.weight_decay}),
                      {.lr = hyperparameters.pretrain_lr});
  nn::FitOptions options = fit_options(hyperparameters, steps);
  options.on_step = [&](const nn::StepReport& r) {
    return !on_step || on_step(r.step, r.loss, r.samples);
  };
  const nn::Forward forward = [&](const Tensor& images) { return model(images); };
  nn::fit(model, forward, loader, optimizer, options);
  Pretrained result{.config = task.model};
  result.device = device;
  result.accuracy = nn::evaluate(model, forward, task.batches(task.old_classes.test)).accuracy;
  for (const auto& [name, tensor] : nn::state_dict(model))
    result.state[name] = copy_of(tensor, Device::cpu());
  return result;
}

Run::Run(const Pretrained& pretrained, const DemoMethod& method, uint64_t seed)
    : method_(method), seed_(seed), model_(model_from(pretrained)) {
  manual_seed(seed);
  const nn::ViTConfig& c = model_->config();
  old_head_ = std::make_unique<nn::Linear>(c.hidden_size, c.num_labels);
  nn::load_state_dict(*old_head_, nn::state_dict(model_->classifier));
  nn::trunc_normal_(model_->classifier.weight, c.initializer_range);
  fill_(model_->classifier.bias, 0);
  switch (method.kind) {
    case DemoMethod::Kind::full:
      break;
    case DemoMethod::Kind::probe:
      nn::set_trainable(model_->vit, false);
      break;
    case DemoMethod::Kind::adapter:
      adapters_ = std::make_unique<boft::AdapterModel>(*model_);
      adapters_->add_adapter("default", *method.adapter);
      break;
  }
  if (adapters_)
    adapters_->to(pretrained.device);
  else
    nn::to(*model_, pretrained.device);
  nn::to(*old_head_, pretrained.device);
}

void Run::train(const Task& task, const Hyperparameters& hyperparameters, int64_t every,
                const OnStep& on_step) {
  nn::Loader loader = make_loader(task, task.new_classes.train, hyperparameters, seed_);
  const int64_t steps = hyperparameters.adapt_epochs * loader.batches_per_epoch();
  // Adapters begin at the identity, and decay would pull a scale to 0 instead of 1: only weights of
  // layers decay.
  const double decay = method_.kind == DemoMethod::Kind::full ? hyperparameters.weight_decay : 0;
  nn::AdamW optimizer(nn::parameter_groups(*model_, {.weight_decay = decay}), {.lr = method_.lr});
  const auto measure = [&](int64_t step) {
    accuracies_.push_back(
        {step, evaluate(task.batches(task.new_classes.test)).accuracy, accuracy_old(task)});
  };
  measure(0);
  nn::FitOptions options = fit_options(hyperparameters, steps);
  options.on_step = [&](const nn::StepReport& r) {
    losses_.push_back({r.step, r.loss});
    if (r.step % every == 0 || r.step == steps) measure(r.step);
    return !on_step || on_step(r.step, r.loss, r.samples);
  };
  nn::fit(
      *model_, [this](const Tensor& images) { return (*model_)(images); }, loader, optimizer,
      options);
}

void Run::fit_head(const Task& task, const Hyperparameters& hyperparameters) {
  nn::Loader images = plain_loader(task, task.new_classes.train, hyperparameters, seed_);
  cli::fit_head(*model_, images, hyperparameters.label_smoothing);
}

double Run::probe_old(const Task& task, const Hyperparameters& hyperparameters) {
  nn::Linear& head = model_->classifier;
  const Tensor weight = head.weight, bias = head.bias;
  head.weight = leaf(zeros_like(weight)), head.bias = leaf(zeros_like(bias));
  nn::Loader images = plain_loader(task, task.old_classes.train, hyperparameters, seed_);
  cli::fit_head(*model_, images, hyperparameters.label_smoothing);
  const double accuracy = evaluate(task.batches(task.old_classes.test)).accuracy;
  head.weight = weight, head.bias = bias;
  return accuracy;
}

void Run::set_strength(const Pretrained& pretrained, double strength) {
  if (adapters_ != nullptr) return adapters_->set_strength("default", strength);
  const NoGrad no_grad;
  if (trained_.empty()) {
    for (const auto& [name, tensor] : nn::state_dict(*model_)) trained_[name] = copy_of(tensor);
  }
  for (const auto& [name, tensor] : nn::state_dict(*model_)) {
    if (model_->in_head(name)) continue;
    const Tensor before = to(pretrained.state.at(name), tensor.device());
    copy_(tensor, before + strength * (trained_.at(name) - before));
  }
}

nn::Evaluation Run::evaluate(const nn::Batches& pictures) {
  return nn::evaluate(
      *model_, [this](const Tensor& images) { return (*model_)(images); }, pictures);
}

double Run::accuracy_old(const Task& task) {
  const auto forward = [this](const Tensor& images) { return (*old_head_)(model_->vit(images)); };
  return nn::evaluate(*model_, forward, task.batches(task.old_classes.test)).accuracy;
}

Tensor Run::logits(const Tensor& images) {
  const NoGrad no_grad;
  nn::eval(*model_);
  return (*model_)(to(images, nn::device_of(*model_)));
}

int64_t Run::trainable_parameters() {
  return nn::count_parameters(*model_).trainable;
}

std::map<std::string, Tensor> Run::weights() {
  const NoGrad no_grad;
  std::map<std::string, Tensor> result;
  nn::for_each_module(*model_, [&](const std::string& path, nn::Module& module) {
    auto* layer = dynamic_cast<nn::Linear*>(&module);
    if (layer == nullptr || path == "classifier") return;
    result[path] =
        copy_of(layer->adapters.merged_weight(layer->weight, {"default"}, false), Device::cpu());
  });
  return result;
}

double total_energy(const std::map<std::string, Tensor>& weights) {
  double energy = 0;
  for (const auto& [path, w] : weights) energy += boft::hyperspherical_energy(w);
  return energy;
}

namespace {

// Seconds of one training step. With `frozen` gradients still flow through all activations of the
// backbone, to a leaf at the embeddings' output: the least that a step with any adapter in the
// first layer can cost.
double timed_step(nn::ViTForImageClassification& model, const nn::Batch& batch,
                  nn::Optimizer& optimizer, bool frozen) {
  const auto begin = std::chrono::steady_clock::now();
  optimizer.zero_grad();
  Tensor tokens = model.vit.embeddings(batch.inputs);
  if (frozen) tokens = leaf(tokens.detach());
  backward(cross_entropy(model.classifier(model.vit.encode(tokens)), batch.labels));
  optimizer.step();
  synchronize(batch.inputs.device());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

StepTime time_step(const Pretrained& pretrained, const DemoMethod& method, const Task& task,
                   const Hyperparameters& hyperparameters, int64_t repeats) {
  Run with(pretrained, method, 0);
  Run without(pretrained, {.name = "frozen", .label = "frozen", .kind = DemoMethod::Kind::probe},
              0);
  nn::AdamW optimizer(nn::parameter_groups(with.model(), {}));
  nn::AdamW head_optimizer(nn::parameter_groups(without.model(), {}));
  nn::train(with.model());
  nn::train(without.model());
  nn::Batch batch = make_loader(task, task.new_classes.train, hyperparameters, 0).next();
  batch.inputs = to(batch.inputs, pretrained.device);
  batch.labels = to(batch.labels, pretrained.device);
  std::vector<double> seconds, ratios;
  for (int64_t i = 0; i < repeats; ++i) {
    const double frozen = timed_step(without.model(), batch, head_optimizer, true);
    const double adapted = timed_step(with.model(), batch, optimizer, false);
    seconds.push_back(adapted);
    ratios.push_back(adapted / frozen);
  }
  return {cli::median(seconds), cli::median(ratios)};
}

}  // namespace papilio::demo
