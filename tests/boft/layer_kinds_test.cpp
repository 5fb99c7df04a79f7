// Every method at every kind of layer it can adapt: identity at the start, merged = unmerged,
// unmerge exact, several adapters of different methods, sizes and dtypes together.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "boft/model/model.h"
#include "nn/layers/conv1d.h"
#include "nn/layers/conv2d.h"
#include "nn/layers/embedding.h"
#include "nn/layers/linear.h"
#include "nn/layers/mlp.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/compare.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using boft::AdapterModel;
using boft::BoftConfig;
using boft::HraConfig;
using boft::LoraConfig;
using boft::OftConfig;

namespace {

// One layer of each kind; convolutions with every option.
struct Kinds : nn::Module {
  nn::Embedding table{11, 16};
  nn::Linear linear{16, 12};
  nn::Conv1D conv1d{8, 12};  // 12 -> 8
  nn::Conv2d plain{2, 4, {2, 2}};
  nn::Conv2d wide{4,      6,
                  {1, 3}, {.stride = {1, 2}, .padding = {0, 2}, .dilation = {1, 2}},
                  true,   nn::PaddingMode::reflect};
  nn::Conv2d grouped{
      6, 6, {3, 1}, {.padding = {1, 0}, .groups = 3}, false, nn::PaddingMode::circular};

  Kinds() {
    manual_seed(1);
    for (const auto& [name, tensor] : nn::named_parameters(*this))
      copy_(*tensor, normal(tensor->shape(), 0, 0.5));
  }
  // ids: (B, 4) -> (B, 4, 1, 2)
  Tensor operator()(const Tensor& ids) {
    const Tensor x = conv1d(tanh(linear(table(ids))));  // (B, 4, 8)
    const Tensor image = reshape(x, {x.size(0), 2, 2, 8});
    return grouped(relu(wide(plain(image))));
  }
  void visit(nn::Visitor& v) override {
    v("table", table);
    v("linear", linear);
    v("conv1d", conv1d);
    v("plain", plain);
    v("wide", wide);
    v("grouped", grouped);
  }
  std::string describe() const override { return "Kinds"; }
};

const Tensor kIds = tensor<int64_t>({0, 3, 10, 3, 7, 1, 2, 9}, {2, 4});

std::vector<double> outputs(Kinds& model) {
  const NoGrad no_grad;
  nn::eval(model);
  return model(kIds).to_vector<double>();
}

const std::vector<std::string> kTables{"table"},
    kMaps{"linear", "conv1d", "plain", "wide", "grouped"},
    kAll{"table", "linear", "conv1d", "plain", "wide", "grouped"},
    kUngrouped{"linear", "conv1d", "plain", "wide"};

OftConfig oft(bool random, bool series, const std::vector<std::string>& where = kAll) {
  return {.oft_block_size = 4,
          .use_cayley_neumann = series,
          .target_modules = where,
          .init_weights = !random};
}

BoftConfig boft(bool random, int64_t b = 2, int64_t m = 1) {
  return {.boft_block_size = b,
          .boft_n_butterfly_factor = m,
          .target_modules = kMaps,
          .init_weights = !random};
}

LoraConfig lora(bool random) {
  return {.r = 2, .target_modules = kUngrouped, .init_lora_weights = !random};
}

HraConfig hra(bool random) {
  return {.r = 4, .target_modules = kMaps, .init_weights = !random};
}

// Turned away from the start.
std::vector<boft::AdapterConfig> every_method() {
  return {oft(true, false), oft(true, true), boft(true), lora(true), hra(true)};
}

}  // namespace

TEST_CASE(
    "kinds of layers: OFT and BOFT begin as the base bit for bit; LoRA, HRA within rounding") {
  const auto base = [] {
    Kinds model;
    return outputs(model);
  }();
  for (const boft::AdapterConfig& config :
       {boft::AdapterConfig(oft(false, false)), {oft(false, true)}, {boft(false)}}) {
    Kinds model;
    AdapterModel adapters(model);
    adapters.add_adapter("a", config);
    CHECK(outputs(model) == base);
  }
  for (const boft::AdapterConfig& config : {boft::AdapterConfig(lora(false)), {hra(false)}}) {
    Kinds model;
    AdapterModel adapters(model);
    adapters.add_adapter("a", config);
    CHECK(largest_difference(outputs(model), base) < 1e-5);
  }
}

TEST_CASE("kinds of layers: merged = unmerged, unmerge and disable give the base back exactly") {
  for (const boft::AdapterConfig& config : every_method()) {
    CAPTURE(boft::peft_type(config));
    Kinds model;
    const auto base = outputs(model);
    AdapterModel adapters(model);
    adapters.add_adapter("a", config);
    const auto adapted = outputs(model);
    CHECK(largest_difference(adapted, base) > 0.01);
    adapters.merge(true);
    CHECK(largest_difference(outputs(model), adapted) < 2e-5);
    {
      const auto off = adapters.disable();
      CHECK(outputs(model) == base);
    }
    adapters.unmerge();
    CHECK(outputs(model) == adapted);
    adapters.merge_and_unload();
    CHECK(largest_difference(outputs(model), adapted) < 2e-5);
  }
}

TEST_CASE("kinds of layers: adapters of different methods, b and m together and one by one") {
  Kinds model;
  const auto base = outputs(model);
  AdapterModel adapters(model);
  adapters.add_adapter("oft", oft(true, true));
  adapters.add_adapter("exact", oft(true, false, kMaps));
  adapters.add_adapter("boft", boft(true));
  adapters.add_adapter("odd", BoftConfig{.boft_block_size = 3,
                                         .target_modules = {"conv1d", "wide"},
                                         .init_weights = false});
  adapters.add_adapter("deep", BoftConfig{.boft_block_size = 2,
                                          .boft_n_butterfly_factor = 3,
                                          .target_modules = {"linear", "plain"},
                                          .init_weights = false});
  adapters.add_adapter("lora", lora(true));
  adapters.add_adapter("hra", hra(true));
  std::vector<std::vector<double>> seen{base};
  for (const std::vector<std::string>& active :
       {std::vector<std::string>{"oft"},
        {"exact"},
        {"boft"},
        {"odd"},
        {"deep"},
        {"lora"},
        {"hra"},
        {"oft", "boft"},
        {"hra", "oft"},
        {"boft", "oft"},
        {"lora", "deep", "exact"},
        {"deep", "odd", "lora", "hra", "boft", "exact", "oft"}}) {
    adapters.set_adapter(active);
    const auto adapted = outputs(model);
    for (const auto& other : seen) CHECK(largest_difference(adapted, other) > 1e-3);
    seen.push_back(adapted);
    adapters.merge(true);
    CHECK(largest_difference(outputs(model), adapted) < 5e-5);
    adapters.unmerge();
    CHECK(outputs(model) == adapted);
  }
  adapters.unload();
  CHECK(outputs(model) == base);
}

TEST_CASE("kinds of layers: every adapter parameter of an active adapter gets a gradient") {
  for (const boft::AdapterConfig& config : every_method()) {
    Kinds model;
    AdapterModel adapters(model);
    adapters.add_adapter("a", config);
    backward(sum(model(kIds)));
    int count = 0;
    for (const nn::NamedTensor& entry : nn::named_parameters(model)) {
      const auto& [name, parameter] = entry;
      CAPTURE(entry.name);
      const bool own = name.find(".adapters.") != std::string::npos;
      CHECK(parameter->requires_grad() == own);
      if (own) CHECK(sum(abs(grad(*parameter))).item<double>() > 0);
      count += own;
    }
    CHECK(count >= 4);
  }
}

// GELU takes over the bias of the layer in front of it: whatever works there, it is added once.
TEST_CASE("an Mlp whose layers are adapted adds each bias once") {
  const Tensor x = randn({6, 8});
  const std::vector<std::string> where{"fc1", "fc2"}, none;
  for (const nn::HiddenAct act :
       {nn::HiddenAct::gelu, nn::HiddenAct::gelu_tanh, nn::HiddenAct::relu}) {
    manual_seed(1);
    nn::Mlp mlp(8, 12, 0, act);
    for (const auto& [name, tensor] : nn::named_parameters(mlp))
      copy_(*tensor, normal(tensor->shape(), 0, 0.5));
    AdapterModel adapters(mlp);
    adapters.add_adapter("boft", BoftConfig{.boft_block_size = 2,
                                            .boft_n_butterfly_factor = 2,
                                            .target_modules = where,
                                            .init_weights = false});
    adapters.add_adapter("oft", oft(true, true, where));
    adapters.add_adapter("exact", oft(true, false, where));
    adapters.add_adapter("lora",
                         LoraConfig{.r = 2, .target_modules = where, .init_lora_weights = false});
    const auto check_biases = [&](const std::vector<std::string>& working) {
      const Tensor b1 = leaf(copy_of(mlp.fc1.bias)), b2 = leaf(copy_of(mlp.fc2.bias));
      const Tensor h = linear(x, mlp.fc1.merged_weight(working, false), b1);
      const Tensor want = linear(activate(h, act), mlp.fc2.merged_weight(working, false), b2);
      mlp.fc1.bias = leaf(copy_of(b1)), mlp.fc2.bias = leaf(copy_of(b2));
      const Tensor y = mlp(x);
      CHECK(largest_difference(y.to_vector<double>(), want.to_vector<double>()) < 5e-5);
      backward(sum(y * y)), backward(sum(want * want));
      for (const auto& [got, bias] : {std::pair(mlp.fc1.bias, b1), {mlp.fc2.bias, b2}})
        CHECK(largest_difference(grad(got).to_vector<double>(), grad(bias).to_vector<double>()) <
              2e-3);
    };
    for (const std::vector<std::string>& active : {std::vector<std::string>{"boft"},
                                                   {"oft"},
                                                   {"exact"},
                                                   {"lora"},
                                                   {"lora", "boft"},
                                                   {"boft", "exact"},
                                                   {"oft", "boft", "lora"}}) {
      adapters.set_adapter(active);
      check_biases(active);
      mlp.fc1.enable_adapters(false);
      mlp.fc2.enable_adapters(false);
      check_biases(none);
      mlp.fc1.enable_adapters(true);
      mlp.fc2.enable_adapters(true);
      adapters.merge();
      check_biases(none);  // the weights are W' now
      adapters.unmerge();
    }
    mlp.fc1.bias = {};
    const Tensor want = activate(mlp.fc1(x), act);
    CHECK(mlp(x).to_vector<double>() == mlp.fc2(want).to_vector<double>());
  }
}

TEST_CASE("kinds of layers: a bfloat16 base keeps float32 adapters") {
  for (const boft::AdapterConfig& config : every_method()) {
    CAPTURE(boft::peft_type(config));
    Kinds single, half;
    nn::to(half, DType::bfloat16);
    manual_seed(7);
    AdapterModel a(single);
    a.add_adapter("a", config);
    manual_seed(7);
    AdapterModel b(half);
    b.add_adapter("a", config);
    for (const nn::NamedTensor& entry : nn::named_parameters(half)) {
      const auto& [name, parameter] = entry;
      CAPTURE(entry.name);
      const bool own = name.find(".adapters.") != std::string::npos;
      CHECK(parameter->dtype() == (own ? DType::float32 : DType::bfloat16));
    }
    const auto exact = outputs(single), rounded = outputs(half);
    double scale = 0;
    for (const double y : exact) scale = std::max(scale, std::abs(y));
    CHECK(largest_difference(exact, rounded) < 0.05 * scale);
    b.merge(true);
    CHECK(half.linear.weight.dtype() == DType::bfloat16);
    CHECK(largest_difference(outputs(half), rounded) < 0.05 * scale);
    b.unmerge();
    CHECK(outputs(half) == rounded);
    nn::train(half);
    backward(sum(half(kIds)));
    CHECK(grad(*nn::named_parameters(*b.layers("a")[0].layer->adapters.find("a"))[0].tensor)
              .dtype() == DType::float32);
  }
}

TEST_CASE("kinds of layers: adapter folders of each method, into a fresh model") {
  for (const boft::AdapterConfig& config : every_method()) {
    CAPTURE(boft::peft_type(config));
    const TemporaryFolder folder;
    Kinds model, fresh;
    AdapterModel saved(model), loaded(fresh);
    saved.add_adapter("default", config);
    boft::save_adapter(saved, folder.path());
    boft::load_adapter(loaded, folder.path());
    CHECK(outputs(fresh) == outputs(model));
  }
}

TEST_CASE("kinds of layers: wrong ones are refused by name") {
  Kinds model;
  AdapterModel adapters(model);
  CHECK_THROWS_WITH(
      adapters.add_adapter("a", BoftConfig{.target_modules = {"table"}}),
      "target_modules: table is an Embedding(11, 16), which BOFT cannot adapt; OFT can");
  CHECK_THROWS_WITH(
      adapters.add_adapter("a", LoraConfig{.target_modules = {"table"}}),
      "target_modules: table is an Embedding(11, 16), which LORA cannot adapt; OFT can");
  CHECK_THROWS_WITH(
      adapters.add_adapter("a", LoraConfig{.target_modules = {"grouped"}}),
      "grouped: LoRA adapts no convolution in groups (this one has 3); BOFT and OFT do");
  CHECK(adapters.names().empty());
}

TEST_CASE("kinds of layers: \"all-linear\" takes Linear and Conv1D; fan_in_fan_out is checked") {
  Kinds model;
  AdapterModel adapters(model);
  const auto warnings =
      adapters.add_adapter("a", BoftConfig{.boft_block_size = 2, .target_modules = "all-linear"});
  CHECK(adapters.layers("a").size() == 2);
  CHECK(warnings == std::vector<std::string>{
                        "fan_in_fan_out is false, but conv1d is a Conv1D(12 -> 8), whose weight is "
                        "stored (in, out); it is read as it is stored"});
  CHECK(adapters.add_adapter("b", BoftConfig{.target_modules = {"conv1d"}, .fan_in_fan_out = true})
            .empty());
  CHECK(adapters.add_adapter(
            "c",
            OftConfig{.oft_block_size = 4, .target_modules = {"linear"}, .fan_in_fan_out = true}) ==
        std::vector<std::string>{"fan_in_fan_out is true, but linear is a Linear(16 -> 12), whose "
                                 "weight is stored (out, in); it is read as it is stored"});
}

}  // namespace papilio::test
