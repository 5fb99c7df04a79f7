// What attaching, deleting and loading say and refuse, where PEFT or a reader would be surprised.
#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "boft/files/adapter_folder.h"
#include "boft/files/checkpoint.h"
#include "boft/files/config_json.h"
#include "boft/methods/oft.h"
#include "boft/model/detail/target_match.h"
#include "boft/model/plan.h"
#include "nn/layers/dropout.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/boft/tiny_model.h"
#include "tests/compare.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using boft::AdapterModel;
using boft::BoftConfig;
using boft::LoraConfig;
using boft::OftConfig;
using Lines = std::vector<std::string>;

namespace {

BoftConfig boft_at(const char* target) {
  return {.boft_block_size = 2, .target_modules = {target}, .init_weights = false};
}

double difference(const Tensor& a, const Tensor& b) {
  return largest_difference(a.to_vector<double>(), b.to_vector<double>());
}

std::string refusal(const std::string& text) {
  try {
    boft::parse_config(text, "a.json");
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("deleting the only active adapter activates the first of the rest, as PEFT does") {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("a", boft_at("query"));
  adapters.add_adapter("b", boft_at("value"));
  adapters.add_adapter("c", boft_at("dense"));
  CHECK(adapters.delete_adapter("c").empty());
  CHECK(adapters.delete_adapter("a") ==
        Lines{"adapter a was active and is deleted; b is active now"});
  CHECK(adapters.active() == Lines{"b"});
  CHECK(adapters.layers("b")[0].layer->adapters.active() == Lines{"b"});
  CHECK(adapters.delete_adapter("b").empty());
  CHECK(adapters.active().empty());
}

TEST_CASE("merge_and_unload does not lose an active adapter in silence") {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("a", boft_at("query"));
  adapters.add_adapter("b", boft_at("query"));
  adapters.set_adapter({"a", "b"});
  CHECK_THROWS_WITH(
      adapters.merge_and_unload(false, {"a"}),
      "merge_and_unload: active and not named, so that its effect would be lost: b; name "
      "it too, or deactivate it");
  CHECK(adapters.names().size() == 2);
  adapters.merge(false, {"a"});
  CHECK_THROWS_AS(adapters.merge_and_unload(false, {"a"}), ArgumentError);
  adapters.merge_and_unload();
  CHECK(adapters.names().empty());
}

TEST_CASE("two adapter models on one model do not mix, and a refusal leaves no trace") {
  TinyModel model;
  AdapterModel first(model), second(model);
  first.add_adapter("a", boft_at("dense"));
  BoftConfig wide = boft_at("query");
  wide.target_modules = {"query", "dense"};
  CHECK_THROWS_WITH(
      second.add_adapter("a", wide),
      "add_adapter: encoder.layer.0.output.dense carries an adapter named a of somebody "
      "else");
  CHECK(second.names().empty());
  CHECK(model.layer[0].query.adapters.empty());
}

TEST_CASE("dropout that drops nothing is said once, when the adapter is attached") {
  TinyModel model;
  AdapterModel adapters(model);
  BoftConfig boft = boft_at("query");  // N = 4
  boft.boft_dropout = 0.2;
  const Lines said{
      "boft_dropout 0.2 drops nothing: it replaces int(p N) blocks, and N is at most 4"};
  CHECK(boft::plan_adapter(model, boft).warnings == said);
  CHECK(adapters.add_adapter("a", boft) == said);
  boft.boft_dropout = 0.25;
  CHECK(adapters.add_adapter("b", boft).empty());
  OftConfig oft{
      .oft_block_size = 2, .module_dropout = 0.5, .block_share = true, .target_modules = {"query"}};
  CHECK(adapters.add_adapter("c", oft) ==
        Lines{"module_dropout drops nothing: the block is shared"});
  oft.block_share = false;
  CHECK(adapters.add_adapter("d", oft).empty());
}

TEST_CASE("a plan refuses what attaching would refuse") {
  TinyModel model;
  const auto plan =
      boft::plan_adapter(model, BoftConfig{.boft_block_size = 3, .target_modules = {"query"}});
  CHECK(!plan.fits());
  CHECK(plan.layers.at(0).problem.find("8") != std::string::npos);
}

TEST_CASE("LoRA's dropout at a convolution is of its input, in training alone") {
  TinyModel model;
  nn::to(model, DType::float64);
  const Tensor x = cast(test::tiny_input(), DType::float64);
  nn::Conv2d& stem = model.stem;
  const Tensor base = stem(x).detach();
  AdapterModel adapters(model);
  adapters.add_adapter(
      "a",
      LoraConfig{
          .r = 2, .lora_dropout = 0.5, .target_modules = {"stem"}, .init_lora_weights = false});
  const auto& lora = dynamic_cast<const boft::LoraLayer&>(*adapters.layers("a")[0].adapter);
  const Tensor delta = cast(reshape(lora.delta(), stem.weight.shape()), DType::float64);
  const auto plus = [&](const Tensor& input) {
    return base + conv2d(input, delta, {}, stem.options);
  };
  nn::Dropout dropout(0.5);
  for (const uint64_t seed : {1, 2}) {
    manual_seed(seed);
    const Tensor got = stem(x);
    manual_seed(seed);
    CHECK(difference(got, plus(dropout(x))) < 1e-12);
  }
  backward(sum(stem(x)));
  CHECK(grad(lora.lora_A).defined());
  nn::eval(model);
  CHECK(difference(stem(x), plus(x)) < 1e-12);
  CHECK(difference(base, plus(x)) > 1e-3);
}

TEST_CASE("an adapter activated after LoRA with dropout adapts the weight and what LoRA adds") {
  TinyModel model;
  nn::to(model, DType::float64);
  const Tensor x = cast(test::tiny_input(), DType::float64);
  AdapterModel adapters(model);
  const std::vector<std::string> targets{"stem"};
  adapters.add_adapter(
      "lora",
      LoraConfig{
          .r = 2, .lora_dropout = 0.5, .target_modules = targets, .init_lora_weights = false});
  adapters.add_adapter(
      "boft", BoftConfig{.boft_block_size = 4, .target_modules = targets, .init_weights = false});
  adapters.add_adapter("oft", OftConfig{.oft_block_size = 4,
                                        .use_cayley_neumann = false,
                                        .target_modules = targets,
                                        .init_weights = false});
  adapters.add_adapter("plain",
                       LoraConfig{.r = 2, .target_modules = targets, .init_lora_weights = false});
  const auto& lora = dynamic_cast<const boft::LoraLayer&>(*adapters.layers("lora")[0].adapter);
  nn::Conv2d& stem = model.stem;
  for (const char* after : {"boft", "oft", "plain"}) {
    CAPTURE(after);
    adapters.set_adapter({"lora", after});
    auto& outer = *adapters.layers(after)[0].adapter;
    const Tensor base = stem.to_matrix(stem.weight.detach());
    const Tensor delta = cast(lora.delta(), DType::float64);
    const auto convolved = [&](const Tensor& input, const Tensor& matrix) {
      return conv2d(input, stem.from_matrix(matrix), {}, stem.options);
    };
    // W' = f(W + D), and f(D) = f(W + D) - f(W) meets the inputs that are left.
    const Tensor whole = outer.weight(base + delta, false), plain = outer.weight(base, false);
    nn::Dropout dropout(0.5);
    manual_seed(1);
    const Tensor got = stem(x);
    manual_seed(1);
    const Tensor wanted = convolved(x, plain) + convolved(dropout(x), whole - plain) +
                          reshape(stem.bias, {1, -1, 1, 1});
    CHECK(difference(got, wanted) < 1e-12);
    backward(sum(got));
    CHECK(grad(lora.lora_A).defined());
    nn::eval(model);
    CHECK(difference(stem(x), convolved(x, whole) + reshape(stem.bias, {1, -1, 1, 1})) < 1e-12);
    nn::train(model);
  }
}

TEST_CASE("LoRA files whose options make another model are refused, ways to draw A are not") {
  for (const char* way : {"pissa", "pissa_niter_16", "olora", "corda", "loftq", "lora_ga"})
    CHECK(refusal(str(R"({"peft_type": "LORA", "init_lora_weights": ")", way, "\"}"))
              .starts_with("a.json: init_lora_weights: expected true, false, "));
  for (const char* way : {"gaussian", "orthogonal", "eva", "mica"})
    CHECK(refusal(str(R"({"peft_type": "LORA", "init_lora_weights": ")", way, "\"}")) ==
          "accepted");
  for (const char* option :
       {R"("layer_replication": [[0, 1]])", R"("alora_invocation_tokens": [1])",
        R"("target_parameters": ["w"])", R"("trainable_token_indices": [3])",
        R"("use_bdlora": {"nblocks": 2})"}) {
    const std::string said = refusal(str(R"({"peft_type": "LORA", )", option, "}"));
    CAPTURE(said);
    CHECK(said.find(": expected null (not supported), got ") != std::string::npos);
  }
}

TEST_CASE("numbers that nobody means are refused or clipped at once") {
  CHECK_THROWS_WITH(OftConfig({.num_cayley_neumann_terms = INT64_MAX}).validate(),
                    "OftConfig: expected num_cayley_neumann_terms from 1 to 64, got "
                    "9223372036854775807");
  Lines warnings;
  const auto shape = boft::oft_shape("at", 12, {.oft_block_size = INT64_MAX}, warnings);
  CHECK(shape.block_size == 12);
}

TEST_CASE("all-linear is written as the layers it meant; auto_mapping survives") {
  const TemporaryFolder at;
  TinyModel model;
  AdapterModel adapters(model);
  BoftConfig config = boft_at("query");
  config.target_modules = "all-linear";
  config.auto_mapping = R"({"base_model_class":"X"})";
  adapters.add_adapter("default", config);
  boft::save_adapter(adapters, at.path());
  const auto read = boft::read_adapter_folder(at.path());
  const auto& targets = std::get<BoftConfig>(read.config).target_modules;
  CHECK(targets.kind() == boft::ModuleNames::Kind::list);
  CHECK(targets.names().size() == 9);
  CHECK(std::get<BoftConfig>(read.config).auto_mapping == config.auto_mapping);
}

TEST_CASE("an OFT adapter at a convolution is loaded with a word about PEFT's other function") {
  const TemporaryFolder at;
  TinyModel model, fresh;
  AdapterModel adapters(model), loaded(fresh);
  adapters.add_adapter("default", OftConfig{.oft_block_size = 4, .target_modules = {"stem"}});
  boft::save_adapter(adapters, at.path());
  const Lines warnings = boft::load_adapter(loaded, at.path());
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find("stem is a convolution, where PEFT's OFT computes another function") !=
        std::string::npos);
}

TEST_CASE("adapter tensors that are no floating numbers are refused") {
  const TemporaryFolder at;
  TinyModel model, fresh;
  AdapterModel adapters(model), loaded(fresh);
  adapters.add_adapter("default", boft_at("query"));
  boft::save_adapter(adapters, at.path());
  auto tensors = load_safetensors(at / "adapter_model.safetensors").tensors;
  const std::string key = "base_model.model.encoder.layer.0.attention.query.boft_R";
  tensors[key] = zeros(tensors[key].shape(), {.dtype = DType::int32});
  save_safetensors(at / "adapter_model.safetensors", tensors);
  CHECK_THROWS_WITH(boft::load_adapter(loaded, at.path()),
                    ((at / "adapter_model.safetensors").string() + ": " + key +
                     ": expected floating numbers, got int32")
                        .c_str());
  CHECK(loaded.names().empty());
}

TEST_CASE("boft_s keeps its digits at a bfloat16 layer") {
  nn::Linear layer(4, 2, false);
  copy_(layer.weight, tensor<float>({1, 0, 0, 0, 0, 1, 0, 0}, {2, 4}));
  nn::to(layer, DType::bfloat16);
  auto boft =
      std::make_unique<boft::BoftLayer>("layer", layer, BoftConfig{.target_modules = {"x"}});
  fill_(boft->boft_s, 1.0038);  // in 16 bits 1; times 255 the digits show
  layer.adapters.add("a", std::move(boft));
  layer.adapters.activate({"a"});
  const NoGrad no_grad;
  const Tensor x = full({1, 4}, 255, {.dtype = DType::bfloat16});
  CHECK(layer(x).to_vector<float>()[0] == 256);  // 255.97, rounded once
}

TEST_CASE("layers_pattern as PEFT matches it: alternatives, and a list at the root") {
  const boft::TargetRules rules{.target_modules = {"query"},
                                .layers_to_transform = {1},
                                .layers_pattern = {"(layer|layers)"}};
  CHECK(boft::matches_target(rules, "encoder.layer.1.query"));
  CHECK(boft::matches_target(rules, "layers.1.query"));
  CHECK(!boft::matches_target(rules, "layers.0.query"));
  CHECK(!boft::matches_target(rules, "blocks.1.query"));
}

TEST_CASE("modules_to_save are found by their ending, as in PEFT") {
  TinyModel model;
  const auto selection =
      boft::select_targets(model, {.target_modules = {"query"}, .modules_to_save = {"ssifier"}});
  CHECK(selection.saved == Lines{"classifier"});
  CHECK(selection.warnings.empty());
}

}  // namespace papilio::test
