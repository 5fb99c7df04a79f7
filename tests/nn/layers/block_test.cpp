// Recomputation in whole models: every method has the gradients that it has without, bit for bit.
#include "nn/layers/block.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/model/model.h"
#include "nn/models/dinov2.h"
#include "nn/models/dinov3.h"
#include "nn/models/gpt2.h"
#include "nn/models/image_classifier.h"
#include "nn/models/language_model.h"
#include "nn/models/pretrained_model.h"
#include "nn/models/timm_vit.h"
#include "nn/models/vit.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/fit.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/nn/digits.h"

namespace papilio::test {

namespace {

using boft::AdapterModel;
using Model = std::unique_ptr<nn::PretrainedModel>;

// Each with whatever draws random numbers in it.
Model vit() {
  return std::make_unique<nn::ViTForImageClassification>(
      nn::ViTConfig{.image_size = 8,
                    .patch_size = 4,
                    .num_channels = 1,
                    .hidden_size = 16,
                    .num_hidden_layers = 3,
                    .num_attention_heads = 2,
                    .intermediate_size = 32,
                    .num_labels = 10,
                    .hidden_dropout_prob = 0.1,
                    .attention_probs_dropout_prob = 0.1,
                    .drop_path_rate = 0.3,
                    .initializer_range = 0.1});
}

Model dinov2(bool swiglu) {
  return std::make_unique<nn::Dinov2ForImageClassification>(
      nn::Dinov2Config{.image_size = 8,
                       .patch_size = 4,
                       .num_channels = 1,
                       .hidden_size = 16,
                       .num_hidden_layers = 2,
                       .num_attention_heads = 2,
                       .num_labels = 10,
                       .use_swiglu_ffn = swiglu,
                       .layerscale_value = 0.5,
                       .drop_path_rate = 0.2,
                       .initializer_range = 0.1});
}

Model dinov3() {
  return std::make_unique<nn::DINOv3ForImageClassification>(
      nn::DINOv3Config{.image_size = 8,
                       .patch_size = 4,
                       .num_channels = 1,
                       .hidden_size = 16,
                       .intermediate_size = 32,
                       .num_hidden_layers = 2,
                       .num_attention_heads = 2,
                       .num_labels = 10,
                       .use_gated_mlp = true,
                       .attention_dropout = 0.1,
                       .drop_path_rate = 0.2});
}

Model timm() {
  return std::make_unique<nn::TimmViT>(nn::TimmViTConfig{.img_size = 8,
                                                         .patch_size = 4,
                                                         .in_chans = 1,
                                                         .num_classes = 10,
                                                         .embed_dim = 16,
                                                         .depth = 2,
                                                         .num_heads = 2,
                                                         .init_values = 0.5,
                                                         .proj_drop_rate = 0.1,
                                                         .drop_path_rate = 0.2});
}

Model gpt2() {
  return std::make_unique<nn::GPT2LMHeadModel>(nn::GPT2Config{.vocab_size = 11,
                                                              .n_positions = 8,
                                                              .n_embd = 16,
                                                              .n_layer = 2,
                                                              .n_head = 2,
                                                              .initializer_range = 0.1});
}

// Images, or tokens.
Tensor logits_of(nn::PretrainedModel& model) {
  if (auto* const text = dynamic_cast<nn::LanguageModel*>(&model))
    return (*text)(tensor<int64_t>({1, 4, 2, 10, 0, 3}, {2, 3}));
  return dynamic_cast<nn::ImageClassifier&>(model)(randn({3, 1, 8, 8}));
}

// Makes the model ready to train by a method; what comes back lives as long as it trains.
using Method = std::function<std::unique_ptr<AdapterModel>(nn::PretrainedModel&)>;

template <class... Configs>
Method with(const Configs&... configs) {
  return [=](nn::PretrainedModel& model) {
    auto adapters = std::make_unique<AdapterModel>(model);
    std::vector<std::string> names;
    const auto add = [&](auto config) {
      config.target_modules = "all-linear";
      config.init_weights = false;
      names.push_back(std::string(1, char('a' + names.size())));
      adapters->add_adapter(names.back(), config);
    };
    (add(configs), ...);
    adapters->set_adapter(names);
    return adapters;
  };
}

Method lora() {
  return [](nn::PretrainedModel& model) {
    auto adapters = std::make_unique<AdapterModel>(model);
    boft::LoraConfig config{.r = 2, .lora_dropout = 0.2, .target_modules = "all-linear"};
    config.init_lora_weights = false;
    adapters->add_adapter("a", config);
    return adapters;
  };
}

Method full() {
  return [](nn::PretrainedModel&) { return nullptr; };
}

const boft::BoftConfig kBoft{
    .boft_block_size = 4, .boft_n_butterfly_factor = 2, .boft_dropout = 0.25};
const boft::OftConfig kOft{.r = 0,
                           .oft_block_size = 4,
                           .module_dropout = 0.25,
                           .coft = true,
                           .eps = 0.02,
                           .use_cayley_neumann = false};

// The gradients of two batches added up, the logits, and where the random numbers then stand.
struct Result {
  std::vector<std::vector<double>> numbers;
  GeneratorState random;
  bool operator==(const Result&) const = default;
};

Result result_of(const std::function<Model()>& make, const Method& method, DType precision,
                 nn::Recompute recompute) {
  manual_seed(5);
  const Model model = make();
  const auto adapters = method(*model);
  nn::train(*model);
  nn::set_recompute(*model, recompute);
  Result result;
  for (int batch = 0; batch < 2; ++batch) {
    Tensor logits;
    {
      const Autocast scope(precision);
      logits = cast(logits_of(*model), DType::float32);
    }
    result.numbers.push_back(logits.to_vector<double>());
    backward(mean(logits * logits));
  }
  for (const Tensor& p : nn::trainable_parameters(*model))
    if (grad(p)) result.numbers.push_back(grad(p).to_vector<double>());
  result.random = default_generator().state();
  return result;
}

void check_recomputed(const std::function<Model()>& make, const Method& method) {
  for (const DType precision : {DType::float32, DType::bfloat16}) {
    const Result expected = result_of(make, method, precision, nn::Recompute::off);
    CHECK(expected.numbers.size() > 4);
    CHECK(result_of(make, method, precision, nn::Recompute::blocks) == expected);
    CHECK(result_of(make, method, precision, nn::Recompute::selective) == expected);
  }
}

}  // namespace

TEST_CASE("recompute: every model has the bits it has without") {
  for (const auto& make :
       {std::function<Model()>(vit), std::function<Model()>(timm), std::function<Model()>(dinov3),
        std::function<Model()>([] { return dinov2(false); }),
        std::function<Model()>([] { return dinov2(true); }), std::function<Model()>(gpt2)}) {
    CAPTURE(make()->describe());
    check_recomputed(make, full());
    check_recomputed(make, with(kBoft));
  }
}

TEST_CASE("recompute: every method has the bits it has without") {
  check_recomputed(vit, with(kOft));
  check_recomputed(vit, with(boft::OftConfig{.r = 0, .oft_block_size = 4}));
  check_recomputed(vit, with(boft::HraConfig{.r = 2}));
  check_recomputed(vit, lora());
  check_recomputed(vit, with(kBoft, boft::HraConfig{.r = 2}));
}

TEST_CASE("recompute: accumulated steps and averages have the bits they have without") {
  const auto trained = [](nn::Recompute recompute) {
    manual_seed(7);
    const Model model = vit();
    auto& classifier = dynamic_cast<nn::ImageClassifier&>(*model);
    nn::set_recompute(*model, recompute);
    nn::Loader loader(digit_batches(), {.batch_size = 16, .seed = 1});
    nn::AdamW optimizer(nn::parameter_groups(*model, {}), {.lr = 1e-2});
    nn::ModelAverage average(*model, 0.9);
    nn::fit(*model, [&](const Tensor& images) { return classifier(images); }, loader, optimizer,
            {.steps = 3, .accumulation_steps = 2, .average = &average});
    std::vector<std::vector<double>> all;
    for (const auto& [name, tensor] : nn::state_dict(*model))
      all.push_back(tensor.to_vector<double>());
    for (const auto& [name, tensor] : average.state_dict())
      all.push_back(tensor.to_vector<double>());
    return all;
  };
  const auto expected = trained(nn::Recompute::off);
  CHECK(trained(nn::Recompute::blocks) == expected);
  CHECK(trained(nn::Recompute::selective) == expected);
}

namespace {

// Bytes that a forward pass leaves behind, and the most that the backward pass has.
struct Memory {
  int64_t kept, peak;
};

Memory memory_of(nn::Recompute recompute, const std::vector<int64_t>& layers) {
  manual_seed(5);
  nn::ViTForImageClassification model({.image_size = 32,
                                       .patch_size = 4,
                                       .num_channels = 1,
                                       .hidden_size = 32,
                                       .num_hidden_layers = 6,
                                       .num_attention_heads = 2,
                                       .intermediate_size = 128,
                                       .num_labels = 10});
  AdapterModel adapters(model);
  adapters.add_adapter("a", boft::BoftConfig{.boft_block_size = 4,
                                             .target_modules = boft::ModuleNames{"dense"},
                                             .layers_to_transform = layers});
  nn::set_recompute(model, recompute);
  const Tensor images = randn({4, 1, 32, 32});
  const auto before = int64_t(memory_stats().in_use);
  reset_peak_memory();
  const Tensor loss = mean(model(images));
  const auto kept = int64_t(memory_stats().in_use) - before;
  backward(loss);
  return {kept, int64_t(memory_stats().peak_in_use) - before};
}

}  // namespace

TEST_CASE("recompute: memory falls, and below the first adapted layer nothing is kept") {
  constexpr int64_t kTokens = 4 * 65 * 32 * 4;  // bytes of one (B, T, D)
  const Memory off = memory_of(nn::Recompute::off, {}),
               blocks = memory_of(nn::Recompute::blocks, {}),
               selective = memory_of(nn::Recompute::selective, {});
  CHECK(blocks.kept < 8 * kTokens);  // an input a block, and the head's
  CHECK(blocks.kept < selective.kept / 3);
  CHECK(selective.kept < off.kept * 3 / 4);
  CHECK(blocks.peak < selective.peak);
  CHECK(selective.peak < off.peak);
  for (const auto recompute : {nn::Recompute::off, nn::Recompute::blocks}) {
    const Memory last = memory_of(recompute, {5}), all = memory_of(recompute, {});
    CHECK(last.kept < all.kept / 4);
  }
}

TEST_CASE("recompute: wrong use") {
  nn::Linear linear(2, 2);
  CHECK_THROWS_WITH_AS(nn::set_recompute(linear, nn::Recompute::blocks),
                       "set_recompute: Linear(2 -> 2) has no blocks to compute again",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(nn::recompute_named("all"),
                       "recompute: expected off, blocks or selective, got all", ArgumentError);
}

}  // namespace papilio::test
