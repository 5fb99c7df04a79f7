// The plan of a training run against what the run then takes.
#include "nn/train/memory_plan.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "boft/methods/boft.h"
#include "boft/methods/lora.h"
#include "boft/methods/oft.h"
#include "boft/model/model.h"
#include "nn/data/loader.h"
#include "nn/data/sources/tensors.h"
#include "nn/data/sources/text.h"
#include "nn/data/text_batches.h"
#include "nn/layers/block.h"
#include "nn/models/dinov2.h"
#include "nn/models/dinov3.h"
#include "nn/models/gpt2.h"
#include "nn/models/quantized_model.h"
#include "nn/models/vit.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "nn/text/tokenizer.h"
#include "nn/text/tokenizer_files.h"
#include "nn/train/evaluate_text.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

using namespace papilio;

namespace {

struct Case {
  std::string name;
  int64_t image_size = 16, hidden = 32, layers = 2, batch = 8, accumulate = 1;
  std::string method = "full";
  DType precision = DType::float32;
  bool sgd = false, adamw8bit = false, average = false;
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

// An adapter of every linear map, and a copy of the head where a classifier has one.
std::unique_ptr<boft::AdapterModel> adapted(nn::Module& model, const std::string& method) {
  if (method == "full") return nullptr;
  auto adapters = std::make_unique<boft::AdapterModel>(model);
  const bool text = dynamic_cast<nn::LanguageModel*>(&model) != nullptr;
  const auto add = [&](auto config) {
    config.target_modules = "all-linear";
    if (text) {
      if constexpr (requires { config.fan_in_fan_out; }) config.fan_in_fan_out = true;
    } else {
      config.modules_to_save = {"classifier"};
    }
    adapters->add_adapter("default", config);
  };
  if (method == "boft") add(boft::BoftConfig{.boft_block_size = 4, .boft_n_butterfly_factor = 2});
  if (method == "oft") add(boft::OftConfig{.oft_block_size = 8});
  if (method == "lora") add(boft::LoraConfig{.r = 4, .lora_dropout = 0.1});
  return adapters;
}

// Bytes that f takes at most beside what there is.
template <class F>
double measured(F&& f) {
  const size_t before = memory_stats().in_use;
  reset_peak_memory();
  f();
  return double(memory_stats().peak_in_use - before);
}

void check_close(const nn::MemoryPlan& plan, double bytes) {
  // One of the batches, the evaluation's, is not there while the step's are.
  const auto planned = double(plan.growth() + plan.batches);
  CHECK(planned > 0.95 * bytes);
  CHECK(planned < 1.10 * bytes);
  CHECK(plan.parameters > 0);
  CHECK(plan.activations > 0);
}

void compare(const Case& c) {
  CAPTURE(c.name);
  CAPTURE(c.method);
  CAPTURE(c.batch);
  manual_seed(1);
  const auto model = model_of(c);
  if (c.nf4) nn::quantize_layers(*model, Quantization::nf4);
  const auto adapters = adapted(*model, c.method);
  const nn::Forward plain = [&](const Tensor& images) { return (*model)(images); };
  const nn::Forward forward = nn::autocast(plain, c.precision);
  const auto make_optimizer = [&]() -> std::unique_ptr<nn::Optimizer> {
    const auto groups = nn::parameter_groups(*model, {});
    if (c.sgd) return std::make_unique<nn::Sgd>(groups, nn::SgdOptions{.momentum = 0.9});
    if (c.adamw8bit) return std::make_unique<nn::AdamW8bit>(groups);
    return std::make_unique<nn::AdamW>(groups);
  };
  const GeneratorState random = default_generator().state();
  const auto weights = model->classifier.weight.to_vector();
  nn::PlannedTraining run =
      nn::planned_images(forward, plain, {.shape = {3, c.image_size, c.image_size}, .classes = 5});
  run.batch_size = c.batch, run.accumulation_steps = c.accumulate;
  run.evaluation_batch = c.batch;
  run.optimizer = make_optimizer, run.average = c.average;
  const nn::MemoryPlan plan = nn::plan_training(*model, run);
  CHECK(default_generator().state() == random);
  CHECK(model->classifier.weight.to_vector() == weights);
  CHECK_FALSE(grad(model->classifier.weight).defined());

  const int64_t images = c.batch * c.accumulate;
  const nn::Batches data =
      nn::batches_of(rand({images, 3, c.image_size, c.image_size}),
                     zeros({images}, {.dtype = DType::int64}), {"a", "b", "c", "d", "e"});
  check_close(plan, measured([&] {
                const auto optimizer = make_optimizer();
                std::unique_ptr<nn::ModelAverage> average;
                if (c.average) average = std::make_unique<nn::ModelAverage>(*model, 0.5);
                nn::Loader loader(data, {.batch_size = c.batch});
                nn::fit(*model, forward, loader, *optimizer,
                        {.steps = 2, .accumulation_steps = c.accumulate, .average = average.get()});
                nn::evaluate(*model, plain, data, c.batch);
              }));
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
  compare({.name = "vit, moments in 8 bits", .hidden = 128, .adamw8bit = true});
  compare({.name = "vit, average", .hidden = 64, .average = true});
  compare({.name = "vit, dropout", .dropout = 0.1});
  for (const char* method : {"boft", "oft", "lora"})
    compare({.name = "vit, nf4", .hidden = 64, .method = method, .nf4 = true});
}

TEST_CASE("memory plan: codes count as the bytes that they take") {
  const auto parameters = [](nn::ImageClassifier& model) {
    const nn::Forward forward = [&](const Tensor& images) { return model(images); };
    nn::PlannedTraining run =
        nn::planned_images(forward, forward, {.shape = {3, 16, 16}, .classes = 5});
    run.optimizer = [&] { return std::make_unique<nn::AdamW>(nn::parameter_groups(model, {})); };
    return nn::plan_training(model, run).parameters;
  };
  const auto model = model_of({.name = "vit", .hidden = 64});
  const size_t numbers = parameters(*model);
  const nn::QuantizationResult q = nn::quantize_layers(*model, Quantization::nf4);
  const double saved = double(numbers) - double(parameters(*model));
  // Beside the codes: a table of 16 numbers and the text of quant_state a layer.
  CHECK(saved <= double(4 * q.numbers - q.bytes));
  CHECK(saved >= double(4 * q.numbers - q.bytes - 200 * q.layers));
}

namespace {

struct TextCase {
  std::string method = "boft";
  bool nf4 = false;
  nn::Recompute recompute = nn::Recompute::off;
  int64_t batch = 4, length = 24, accumulate = 1;
  DType precision = DType::float32;
};

void compare(const TextCase& c) {
  CAPTURE(c.method);
  CAPTURE(c.nf4);
  CAPTURE(int(c.recompute));
  CAPTURE(c.batch);
  CAPTURE(c.length);
  manual_seed(1);
  const nn::Tokenizer tokenizer =
      nn::load_tokenizer(std::filesystem::path(test::source_root) / "tests/golden/gpt2/gpt2");
  nn::GPT2LMHeadModel model(
      {.vocab_size = tokenizer.size(), .n_positions = 64, .n_embd = 64, .n_layer = 3, .n_head = 4});
  if (c.nf4) nn::quantize_layers(model, Quantization::nf4);
  const auto adapters = adapted(model, c.method);
  nn::set_recompute(model, c.recompute);
  const nn::Loss loss = [&](const nn::Batch& batch) {
    const Autocast scope(c.precision);
    return nn::text_loss(model, batch);
  };
  const auto make_optimizer = [&] {
    return std::make_unique<nn::AdamW>(nn::parameter_groups(model, {}));
  };
  const GeneratorState random = default_generator().state();
  nn::PlannedTraining run = nn::planned_text(model, loss, c.length);
  run.batch_size = c.batch, run.accumulation_steps = c.accumulate;
  run.evaluation_batch = c.batch;
  run.optimizer = make_optimizer;
  const nn::MemoryPlan plan = nn::plan_training(model, run);
  CHECK(default_generator().state() == random);

  const test::TemporaryFolder folder;
  nn::save_tokens(folder / "t.safetensors",
                  std::vector<int64_t>(size_t(4 * c.batch * c.accumulate * c.length + 1), 1));
  const nn::TextSplits parts =
      nn::open_text(folder / "t.safetensors", tokenizer,
                    {.length = c.length, .shares = {.validation = 0.5, .test = 0}});
  check_close(plan, measured([&] {
                const auto optimizer = make_optimizer();
                nn::Loader train(nn::text_batches(parts.train), {.batch_size = c.batch});
                nn::fit(model, loss, train, *optimizer,
                        {.steps = 2, .accumulation_steps = c.accumulate});
                nn::Loader validation(nn::text_batches(parts.validation),
                                      {.batch_size = c.batch, .epochs = 1, .shuffle = false});
                nn::evaluate_text(model, validation, tokenizer);
              }));
}

}  // namespace

TEST_CASE("memory plan: within a tenth of what a language model's run takes") {
  struct Base {
    const char* method;
    bool nf4;
  };
  for (const auto& [method, nf4] : std::vector<Base>{
           {"full", false}, {"lora", false}, {"boft", false}, {"lora", true}, {"boft", true}})
    for (const auto recompute : {nn::Recompute::off, nn::Recompute::blocks})
      for (const auto& [batch, length] : {std::pair(4, 24), std::pair(6, 64)})
        compare(TextCase{.method = method,
                         .nf4 = nf4,
                         .recompute = recompute,
                         .batch = batch,
                         .length = length});
  compare(TextCase{.recompute = nn::Recompute::selective});
  compare(TextCase{.accumulate = 3});
  compare(TextCase{.method = "full", .precision = DType::bfloat16});
}
