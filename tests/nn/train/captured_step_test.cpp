// Steps launched as a CUDA graph are ordinary steps, bit for bit. Passed over without a device.
#include "nn/train/captured_step.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/model/model.h"
#include "kernels/cuda_graph.h"
#include "nn/models/vit.h"
#include "nn/optim/parameter_groups.h"
#include "tensor/copy.h"
#include "tensor/random.h"
#include "tests/devices.h"
#include "tests/nn/digits.h"

namespace papilio::test {

namespace {

nn::ViTConfig config(double dropout) {
  return {.image_size = 8,
          .patch_size = 4,
          .num_channels = 1,
          .hidden_size = 8,
          .num_hidden_layers = 1,
          .num_attention_heads = 2,
          .intermediate_size = 16,
          .num_labels = 10,
          .hidden_dropout_prob = dropout,
          .drop_path_rate = dropout,
          .initializer_range = 0.2};
}

boft::BoftConfig boft_config(double dropout = 0) {
  return {.boft_block_size = 2,
          .boft_n_butterfly_factor = 2,
          .boft_dropout = dropout,
          .target_modules = {"query", "output.dense"},
          .modules_to_save = {"classifier"}};
}

// A model on the device and its optimiser; every call begins at the same place.
struct Run {
  nn::ViTForImageClassification model;
  boft::AdapterModel adapters;
  std::unique_ptr<nn::Optimizer> optimizer;
  nn::Forward forward = [this](const Tensor& images) { return model(images); };

  explicit Run(const boft::AdapterConfig& c, bool sgd = false, double dropout = 0.2)
      : model((manual_seed(3), config(dropout))), adapters(model) {
    adapters.add_adapter("default", c);
    adapters.to(Device::cuda());
    nn::train(model);
    const auto groups = nn::parameter_groups(model, {.weight_decay = 0.1});
    if (sgd)
      optimizer = std::make_unique<nn::Sgd>(groups, nn::SgdOptions{.momentum = 0.9});
    else
      optimizer = std::make_unique<nn::AdamW>(groups);
    manual_seed(7);
  }
  std::vector<double> parameters() const {
    std::vector<double> all;
    for (const Tensor& p : optimizer->parameters())
      for (const double v : p.to_vector<double>()) all.push_back(v);
    return all;
  }
};

// Batch i, of 4 images, but every fourth of 2.
nn::Batch batch(int64_t i) {
  const int64_t n = i % 4 == 3 ? 2 : 4;
  return {slice(digit_batch().inputs, 0, 4 * i, 4 * i + n),
          slice(digit_batch().labels, 0, 4 * i, 4 * i + n),
          {},
          {}};
}

constexpr int64_t kSteps = 6;
double rate(int64_t i) {
  return 1e-2 / double(1 + i);
}

}  // namespace

TEST_CASE("launched steps have the bits of ordinary ones: rates, moments, dropout, clipping") {
  if (no_device()) return;
  for (const bool sgd : {false, true}) {
    CAPTURE(sgd);
    const nn::CapturedStep::Options options{.label_smoothing = 0.1, .max_gradient_norm = 0.5};
    Run ordinary(boft_config(0.5), sgd), recorded(boft_config(0.5), sgd);
    std::vector<double> losses, norms;
    for (int64_t i = 0; i < kSteps; ++i) {
      ordinary.optimizer->set_lr(rate(i));
      ordinary.optimizer->zero_grad();
      const nn::Batch b = batch(i);
      const Tensor loss = cross_entropy(ordinary.forward(to(b.inputs, Device::cuda())),
                                        to(b.labels, Device::cuda()), {.label_smoothing = 0.1});
      backward(loss);
      losses.push_back(loss.item());
      norms.push_back(nn::clip_grad_norm(ordinary.optimizer->parameters(), 0.5));
      ordinary.optimizer->step();
    }
    const GeneratorState random = default_generator().state();
    manual_seed(7);
    nn::CapturedStep step(recorded.model, recorded.forward, *recorded.optimizer, options);
    for (int64_t i = 0; i < kSteps; ++i) {
      recorded.optimizer->set_lr(rate(i));
      const nn::CapturedStep::Result result = step(batch(i));
      CHECK(result.loss == losses[size_t(i)]);
      CHECK(result.gradient_norm == norms[size_t(i)]);
      CHECK(result.updated);
    }
    CHECK(norms[1] > 0.5);
    CHECK(step.launched() == kSteps - 2);  // the first, and the short one
    CHECK(recorded.optimizer->steps() == kSteps);
    CHECK(recorded.parameters() == ordinary.parameters());
    CHECK(default_generator().state() == random);
  }
}

TEST_CASE("fit with a graph is fit without one") {
  if (no_device()) return;
  const auto losses = [](bool graph) {
    Run run(boft_config());
    nn::Loader loader(digit_batches(), {.batch_size = 4, .seed = 2});
    std::vector<double> result;
    nn::fit(run.model, run.forward, loader, *run.optimizer,
            {.steps = 4,
             .schedule = {.kind = nn::schedule_kind("cosine"), .warmup_steps = 2, .total_steps = 4},
             .cuda_graph = graph,
             .on_step = [&](const nn::StepReport& r) {
               result.insert(result.end(), {r.loss, r.lr, r.gradient_norm});
               return true;
             }});
    for (const double p : run.parameters()) result.push_back(p);
    return result;
  };
  CHECK(losses(true) == losses(false));
}

TEST_CASE("a step that is not finite changes nothing, and the next ones go on") {
  if (no_device()) return;
  Run run(boft_config(), false, 0);
  nn::CapturedStep step(run.model, run.forward, *run.optimizer, {});
  for (int64_t i = 0; i < 2; ++i) CHECK(step(batch(i)).updated);
  const std::vector<double> before = run.parameters();
  nn::Batch bad = batch(0);
  bad.inputs = bad.inputs * std::numeric_limits<double>::quiet_NaN();
  const nn::CapturedStep::Result result = step(bad);
  CHECK_FALSE(result.updated);
  CHECK(std::isnan(result.loss));
  CHECK(run.parameters() == before);
  CHECK(run.optimizer->steps() == 2);
  CHECK(step(batch(1)).updated);
  CHECK(run.parameters() != before);
  CHECK(step.launched() == 3);
}

TEST_CASE("what a graph cannot hold is refused, and ordinary steps still work") {
  nn::ViTForImageClassification here(config(0));
  nn::AdamW optimizer(nn::parameter_groups(here, {.weight_decay = 0}));
  CHECK_THROWS_WITH_AS(
      nn::CapturedStep(here, [&](const Tensor& x) { return here(x); }, optimizer, {}),
      "CapturedStep: a CUDA graph needs a model on a GPU, this one is on cpu", ArgumentError);
  if (no_device()) return;
  const auto refused = [](const std::function<Tensor(const Tensor&)>& before_model,
                          const char* message) {
    Run run(boft_config());
    run.forward = [&](const Tensor& images) { return run.model(before_model(images)); };
    nn::CapturedStep step(run.model, run.forward, *run.optimizer, {});
    CHECK(step(batch(0)).updated);
    const std::vector<double> before = run.parameters();
    const GeneratorState random = default_generator().state();
    CHECK_THROWS_WITH_AS(step(batch(1)), message, Error);
    CHECK_FALSE(cuda::recording());
    CHECK(run.parameters() == before);
    CHECK(run.optimizer->steps() == 1);
    CHECK(default_generator().state() == random);
    CHECK(step(batch(3)).updated);  // of another shape
  };
  refused([](const Tensor& x) { return x + to(rand(x.shape()), Device::cuda()); },
          "cuda graph: random numbers that the host draws cannot be recorded: every launch would "
          "have the same");
  refused([](const Tensor& x) { return x / max(x).item(); },
          "cuda graph: a copy to the host cannot be recorded: the host waits for a value");
  Run run(boft_config());
  nn::CapturedStep step(run.model, run.forward, *run.optimizer, {});
  for (int64_t i = 0; i < 2; ++i) step(batch(i));
  nn::Batch wrong = batch(1);
  wrong.labels = full({4}, 10, {.dtype = DType::int64});
  CHECK_THROWS_WITH_AS(step(wrong), "CapturedStep: expected classes in [0, 10), got 10",
                       ArgumentError);
  CHECK(run.optimizer->steps() == 2);
}

TEST_CASE("gradients outlive the graph that made them") {
  if (no_device()) return;
  Run run(boft_config());
  std::vector<double> before;
  {
    nn::CapturedStep step(run.model, run.forward, *run.optimizer, {});
    for (int64_t i = 0; i < 3; ++i) step(batch(i));
    before = grad(run.optimizer->parameters()[0]).to_vector<double>();
  }
  CHECK(grad(run.optimizer->parameters()[0]).to_vector<double>() == before);
  run.optimizer->zero_grad();
}

}  // namespace papilio::test
