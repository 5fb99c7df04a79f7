// The plan of a training run against what the run then takes.
#include "nn/train/memory_plan.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "boft/methods/boft.h"
#include "boft/methods/lora.h"
#include "boft/methods/oft.h"
#include "boft/model/model.h"
#include "nn/data/sources/tensors.h"
#include "nn/models/dinov2.h"
#include "nn/models/dinov3.h"
#include "nn/models/quantized_model.h"
#include "nn/models/vit.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "tensor/creation.h"
#include "tensor/random.h"

using namespace papilio;

namespace {

struct Case {
  std::string name;
  int64_t image_size = 16, hidden = 32, layers = 2, batch = 8, accumulate = 1;
  std::string method = "full";
  DType precision = DType::float32;
  bool sgd = false, average = false;
  double dropout = 0;
  bool nf4 = false;
};

std::unique_ptr<nn::ImageClassifier> model_of(const Case& c) {
  if (c.name.starts_with("dinov2")) {
    nn::Dinov2Config config;
    config.image_size = c.image_size, config.patch_size = 4, config.hidden_size = c.hidden;
    config.num_hidden_layers = c.layers, config.num_attention_heads = 2, config.num_labels = 5;
    return std::make_unique<nn::Dinov2ForImageClassification>(config);
  }
  if (c.name.starts_with("dinov3")) {
    nn::DINOv3Config config;
    config.image_size = c.image_size, config.patch_size = 4, config.hidden_size = c.hidden;
    config.num_hidden_layers = c.layers, config.num_attention_heads = 2, config.num_labels = 5;
    config.intermediate_size = 4 * c.hidden;
    return std::make_unique<nn::DINOv3ForImageClassification>(config);
  }
  return std::make_unique<nn::ViTForImageClassification>(
      nn::ViTConfig{.image_size = c.image_size,
                    .patch_size = 4,
                    .hidden_size = c.hidden,
                    .num_hidden_layers = c.layers,
                    .num_attention_heads = 2,
                    .intermediate_size = 4 * c.hidden,
                    .num_labels = 5,
                    .hidden_dropout_prob = c.dropout});
}

std::unique_ptr<boft::AdapterModel> adapted(nn::ImageClassifier& model, const Case& c) {
  if (c.method == "full") return nullptr;
  auto adapters = std::make_unique<boft::AdapterModel>(model);
  const auto add = [&](auto config) {
    config.target_modules = "all-linear";
    config.modules_to_save = {"classifier"};
    adapters->add_adapter("default", config);
  };
  if (c.method == "boft") add(boft::BoftConfig{.boft_block_size = 4, .boft_n_butterfly_factor = 2});
  if (c.method == "oft") add(boft::OftConfig{.oft_block_size = 8});
  if (c.method == "lora") add(boft::LoraConfig{.r = 4, .lora_dropout = 0.1});
  return adapters;
}

void compare(const Case& c) {
  CAPTURE(c.name);
  CAPTURE(c.method);
  CAPTURE(c.batch);
  manual_seed(1);
  const auto model = model_of(c);
  if (c.nf4) nn::quantize_layers(*model, Quantization::nf4);
  const auto adapters = adapted(*model, c);
  const nn::Forward plain = [&](const Tensor& images) { return (*model)(images); };
  const nn::Forward forward = nn::autocast(plain, c.precision);
  const auto make_optimizer = [&]() -> std::unique_ptr<nn::Optimizer> {
    const auto groups = nn::parameter_groups(*model, {});
    if (c.sgd) return std::make_unique<nn::Sgd>(groups, nn::SgdOptions{.momentum = 0.9});
    return std::make_unique<nn::AdamW>(groups);
  };
  const GeneratorState random = default_generator().state();
  const auto weights = model->classifier.weight.to_vector();
  const nn::MemoryPlan plan = nn::plan_training(*model, forward, plain,
                                                {.image_shape = {3, c.image_size, c.image_size},
                                                 .classes = 5,
                                                 .batch_size = c.batch,
                                                 .accumulation_steps = c.accumulate,
                                                 .evaluation_batch = c.batch,
                                                 .optimizer = make_optimizer,
                                                 .average = c.average});
  CHECK(default_generator().state() == random);
  CHECK(model->classifier.weight.to_vector() == weights);
  CHECK_FALSE(grad(model->classifier.weight).defined());

  const int64_t images = c.batch * c.accumulate;
  const nn::Batches data =
      nn::batches_of(rand({images, 3, c.image_size, c.image_size}),
                     zeros({images}, {.dtype = DType::int64}), {"a", "b", "c", "d", "e"});
  const size_t before = memory_stats().in_use;
  reset_peak_memory();
  {
    const auto optimizer = make_optimizer();
    std::unique_ptr<nn::ModelAverage> average;
    if (c.average) average = std::make_unique<nn::ModelAverage>(*model, 0.5);
    nn::Loader loader(data, {.batch_size = c.batch});
    nn::fit(*model, forward, loader, *optimizer,
            {.steps = 2, .accumulation_steps = c.accumulate, .average = average.get()});
    nn::evaluate(*model, plain, data, c.batch);
  }
  const auto measured = double(memory_stats().peak_in_use - before);
  // One of the batches, the evaluation's, is not there while the step's are.
  const auto planned = double(plan.growth() + plan.batches);
  CHECK(planned > 0.95 * measured);
  CHECK(planned < 1.10 * measured);
  CHECK(plan.parameters > 0);
  CHECK(plan.activations > 0);
}

}  // namespace

TEST_CASE("memory plan: within a tenth of what the run takes, over models and methods") {
  for (const char* method : {"full", "boft", "oft", "lora"}) {
    compare({.name = "vit", .method = method});
    compare({.name = "vit", .batch = 4, .method = method, .precision = DType::bfloat16});
    compare({.name = "vit, accumulation", .batch = 4, .accumulate = 3, .method = method});
    compare({.name = "dinov2", .batch = 5, .method = method});
    compare({.name = "dinov3", .hidden = 64, .layers = 3, .batch = 3, .method = method});
  }
  compare({.name = "vit, larger", .image_size = 32, .batch = 16, .method = "boft"});
  compare({.name = "vit, sgd", .sgd = true});
  compare({.name = "vit, average", .hidden = 64, .average = true});
  compare({.name = "vit, dropout", .dropout = 0.1});
  for (const char* method : {"boft", "oft", "lora"})
    compare({.name = "vit, nf4", .hidden = 64, .method = method, .nf4 = true});
}

TEST_CASE("memory plan: codes count as the bytes that they take") {
  const auto parameters = [](nn::ImageClassifier& model) {
    const nn::Forward forward = [&](const Tensor& images) { return model(images); };
    return nn::plan_training(
               model, forward, forward,
               {.image_shape = {3, 16, 16},
                .classes = 5,
                .optimizer =
                    [&] { return std::make_unique<nn::AdamW>(nn::parameter_groups(model, {})); }})
        .parameters;
  };
  const auto model = model_of({.name = "vit", .hidden = 64});
  const size_t numbers = parameters(*model);
  const nn::QuantizationResult q = nn::quantize_layers(*model, Quantization::nf4);
  const double saved = double(numbers) - double(parameters(*model));
  // Beside the codes: a table of 16 numbers and the text of quant_state a layer.
  CHECK(saved <= double(4 * q.numbers - q.bytes));
  CHECK(saved >= double(4 * q.numbers - q.bytes - 200 * q.layers));
}
