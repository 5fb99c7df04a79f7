// HRA layers against PEFT's own tensors, and what is this method's own.
#include "boft/methods/hra.h"

#include <doctest/doctest.h>
#include <cstddef>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "boft/files/config_json.h"
#include "boft/geometry/energy.h"
#include "boft/geometry/singular_values.h"
#include "boft/model/model.h"
#include "boft/model/plan.h"
#include "nn/layers/conv2d.h"
#include "nn/layers/embedding.h"
#include "nn/layers/linear.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/autograd/op_case.h"
#include "tests/boft/one_layer.h"
#include "tests/boft/tiny_model.h"
#include "tests/compare.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using boft::AdapterModel;
using boft::HraConfig;
namespace fs = std::filesystem;

namespace {

std::vector<double> outputs(nn::Module& module, const Tensor& x) {
  const NoGrad no_grad;
  return dynamic_cast<TinyModel&>(module)(x).to_vector<double>();
}

struct Golden {
  SafetensorsFile file;

  Tensor get(const std::string& name) const { return copy_of(file.tensors.at(name)); }
  int64_t number(const char* key) const { return std::stoll(file.metadata.at(key)); }
  void expect(const std::string& name, const Tensor& got) const {
    CAPTURE(name);
    const auto want = file.tensors.at(name).to_vector<double>(), values = got.to_vector<double>();
    REQUIRE(values.size() == want.size());
    for (size_t i = 0; i < want.size(); ++i)
      CHECK(std::abs(values[i] - want[i]) <= 1e-10 * (1 + std::abs(want[i])));
  }
};

template <class Layer>
void check_layer(const Golden& g, Layer& layer) {
  layer.weight = g.get("weight");
  layer.bias = leaf(g.get("bias"));
  std::istringstream words(g.file.metadata.at("adapters"));
  std::vector<std::string> names;
  std::vector<boft::HraLayer*> adapters;
  for (std::string name; words >> name;) {
    const Tensor u = leaf(g.get("hra_u." + name));
    std::vector<std::string> warnings;
    auto adapter = std::make_unique<boft::HraLayer>(
        "golden", layer,
        HraConfig{.r = u.size(1),
                  .apply_GS = g.file.metadata.at("apply_GS") == "true",
                  .init_weights = false},
        warnings);
    CHECK(warnings.empty());
    CHECK(adapter->hra_u.shape() == u.shape());
    adapter->hra_u = u;
    adapters.push_back(adapter.get());
    names.push_back(name);
    layer.adapters.add(name, std::move(adapter));
  }
  layer.adapters.activate(names);
  const Tensor x = leaf(g.get("x")), y = layer(x);
  g.expect("y", y);
  backward(y, g.get("grad_y"));
  g.expect("grad_x", grad(x));
  g.expect("grad_bias", grad(layer.bias));
  for (size_t i = 0; i < names.size(); ++i)
    g.expect("grad_hra_u." + names[i], grad(adapters[i]->hra_u));
  g.expect("merged_weight", layer.merged_weight(names, true));
}

HraConfig on(const std::vector<std::string>& targets, int64_t r = 4, bool gram_schmidt = false,
             bool init = true) {
  return {.r = r, .apply_GS = gram_schmidt, .target_modules = targets, .init_weights = init};
}

}  // namespace

TEST_CASE("golden: HRA layers agree with PEFT's tensors") {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(source_root) / "tests/golden/peft")) {
    if (!entry.path().filename().string().starts_with("hra_")) continue;
    CAPTURE(entry.path().string());
    const Golden g{load_safetensors(entry.path())};
    const Dims w = g.get("weight").shape();
    if (g.file.metadata.at("kind") == "hra_linear") {
      nn::Linear layer(w[1], w[0]);
      check_layer(g, layer);
    } else {
      nn::Conv2d layer(w[1], w[0], {w[2], w[3]},
                       {.stride = {g.number("stride"), g.number("stride")},
                        .padding = {g.number("padding"), g.number("padding")}});
      check_layer(g, layer);
    }
    ++count;
  }
  CHECK(count == 6);
}

TEST_CASE("HRA begins as the base if its columns come in pairs, and says so if they cannot") {
  const auto base = [] {
    TinyModel model;
    return outputs(model, tiny_input());
  }();
  const std::vector<std::string> all{"query", "value", "dense", "stem"};
  {
    TinyModel model;
    AdapterModel adapters(model);
    CHECK(adapters.add_adapter("a", on(all)).empty());
    CHECK(largest_difference(outputs(model, tiny_input()), base) < 1e-5);
  }
  const auto warnings = [&](const HraConfig& config) {
    TinyModel model;
    AdapterModel adapters(model);
    auto lines = adapters.add_adapter("a", config);
    CHECK(largest_difference(outputs(model, tiny_input()), base) > 1e-2);
    return lines;
  };
  using Lines = std::vector<std::string>;
  CHECK(warnings(on(all, 3)) ==
        Lines{"r = 3 is odd, so the reflections do not cancel two by two and the adapter changes "
              "the model from its first step"});
  CHECK(warnings(on(all, 4, true)) ==
        Lines{"apply_GS: reflections by orthonormal vectors are never the identity, so the adapter "
              "changes the model from its first step"});
  CHECK(warnings(on(all, 4, false, false)).empty());
}

TEST_CASE("HRA: a pair that begins as the identity has a gradient, and leaves it in one step") {
  OneLayer<nn::Linear> model(8, 5);
  AdapterModel adapters(model);
  adapters.add_adapter("a", on({"layer"}, 2));
  const Tensor x = uniform64({6, 8}), target = uniform64({6, 5}, -1, 1, 2);
  const Tensor before = mean((model(cast(x, DType::float32)) - cast(target, DType::float32)) *
                             (model(cast(x, DType::float32)) - cast(target, DType::float32)));
  backward(before);
  Tensor& u = dynamic_cast<boft::HraLayer&>(*adapters.layers("a")[0].adapter).hra_u;
  const auto slope = grad(u).to_vector<double>();
  double size = 0;
  for (const double g : slope) size += g * g;
  CHECK(size > 1e-8);
  const Tensor step = grad(u);
  copy_(u.detach(), u.detach() - step * 0.05);
  const NoGrad no_grad;
  const Tensor d = model(cast(x, DType::float32)) - cast(target, DType::float32);
  CHECK(mean(d * d).item() < before.item());
}

TEST_CASE("HRA keeps the angles between neurons, merged or not, with several adapters") {
  OneLayer<nn::Linear> model(12, 7);
  const double energy = boft::hyperspherical_energy(model.layer.weight.detach());
  AdapterModel adapters(model);
  adapters.add_adapter("a", on({"layer"}, 5, false, false));
  adapters.add_adapter("b", on({"layer"}, 3, true, false));
  adapters.set_adapter({"a", "b"});
  const NoGrad no_grad;
  const Tensor x = cast(uniform64({4, 12}), DType::float32);
  const auto before = model(x).to_vector<double>();
  const auto weight = model.layer.weight.to_vector<double>();
  adapters.merge(true);
  CHECK(largest_difference(model(x).to_vector<double>(), before) < 1e-5);
  CHECK(largest_difference(model.layer.weight.to_vector<double>(), weight) > 1e-2);
  CHECK(boft::hyperspherical_energy(model.layer.weight) == doctest::Approx(energy).epsilon(1e-5));
  adapters.unmerge();
  CHECK(model.layer.weight.to_vector<double>() == weight);
}

TEST_CASE("HRA: W' - W has rank r") {
  OneLayer<nn::Linear> model(12, 7);
  const Tensor weight = copy_of(model.layer.weight);
  AdapterModel adapters(model);
  adapters.add_adapter("a", on({"layer"}, 3, false, false));
  adapters.merge();
  const auto values = boft::singular_values(model.layer.weight - weight);
  CHECK(values[2] > 1e-2);
  CHECK(values[3] < 1e-5);
}

TEST_CASE("HRA: a vector of zeros is no reflection, and safe merging says so") {
  OneLayer<nn::Linear> model(8, 5);
  AdapterModel adapters(model);
  adapters.add_adapter("a", on({"layer"}));
  const auto weight = model.layer.weight.to_vector<double>();
  fill_(dynamic_cast<boft::HraLayer&>(*adapters.layers("a")[0].adapter).hra_u, 0);
  CHECK_THROWS_WITH(adapters.merge(true),
                    "NaNs detected in the merged weights. The adapter a seems to be broken");
  CHECK(model.layer.weight.to_vector<double>() == weight);
}

TEST_CASE("HRA's configuration: PEFT's keys, written and read back") {
  const HraConfig c{.r = 6,
                    .apply_GS = true,
                    .target_modules = {"q"},
                    .bias = "hra_only",
                    .modules_to_save = {"classifier"},
                    .init_weights = false};
  const std::string text = boft::config_text(c);
  CHECK(text.find("\"peft_type\": \"HRA\"") != std::string::npos);
  CHECK(text.find("fan_in_fan_out") == std::string::npos);  // PEFT's HRAConfig has none
  const auto loaded = boft::parse_config(text, "x");
  CHECK(loaded.warnings.empty());
  const auto read = std::get<HraConfig>(loaded.config);
  CHECK(read.r == 6);
  CHECK(read.apply_GS);
  CHECK(read.target_modules == c.target_modules);
  CHECK(read.bias == "hra_only");
  CHECK(read.modules_to_save == c.modules_to_save);
  CHECK(!read.init_weights);
  CHECK(read.label() == "HRA r=6 GS");
  CHECK_THROWS_WITH(HraConfig({.r = 0}).validate(),
                    "HraConfig: expected r from 1 to 2147483647, got 0");
  CHECK_THROWS_WITH(HraConfig({.bias = "lora_only"}).validate(),
                    "HraConfig: expected bias to be \"none\", \"all\" or \"hra_only\", got "
                    "\"lora_only\"");
}

TEST_CASE("HRA: how a new adapter begins is said in its plan, and not of one that is read") {
  for (const HraConfig& config : {on({"query"}, 3), on({"query"}, 4, true)}) {
    const TemporaryFolder folder;
    TinyModel model, other;
    AdapterModel adapters(model), loaded(other);
    const auto warnings = adapters.add_adapter("default", config);
    REQUIRE(warnings.size() == 1);
    CHECK(boft::plan_adapter(other, config).warnings == warnings);
    boft::save_adapter(adapters, folder.path());
    CHECK(boft::load_adapter(loaded, folder.path()).empty());
  }
}

TEST_CASE("HRA: saved under PEFT's key, loaded again, bit for bit; wrong files say what is wrong") {
  const TemporaryFolder folder;
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("default", on({"query", "stem"}, 4, false, false));
  boft::save_adapter(adapters, folder.path());
  auto tensors = load_safetensors(folder / "adapter_model.safetensors").tensors;
  CHECK(tensors.size() == 4);
  CHECK(tensors.at("base_model.model.stem.hra_u").shape() == Dims{4, 4});
  TinyModel again;
  AdapterModel other(again);
  CHECK(boft::load_adapter(other, folder.path()).empty());
  CHECK(outputs(again, tiny_input()) == outputs(model, tiny_input()));

  const auto stored = boft::stored_layers(HraConfig{}, tensors, "x");
  CHECK(stored.size() == 4);
  CHECK(stored[0].parameters == 32);
  CHECK(stored[0].degrees_of_freedom == 4 * 8 - 4 * 5 / 2);
  CHECK_THROWS_WITH(
      boft::stored_layers(HraConfig{}, {{"base_model.model.a.hra_u", ones({3})}}, "x"),
      "x: base_model.model.a.hra_u: expected numbers of shape [d, r], got (3)");
  CHECK_THROWS_WITH(boft::stored_layers(HraConfig{}, {}, "x"),
                    "x: holds no HRA parameters (hra_u)");
}

TEST_CASE("HRA: plans count the true degrees of freedom, and what does not fit is said") {
  TinyModel model;
  const auto freedom = [&](int64_t r, bool gram_schmidt) {
    return boft::plan_adapter(model, on({"layer.0.attention.query"}, r, gram_schmidt))
        .layers[0]
        .degrees_of_freedom;
  };
  CHECK(freedom(1, false) == 7);   // a direction
  CHECK(freedom(2, false) == 13);  // a plane, 2 (8 - 2), and an angle
  CHECK(freedom(8, false) == 28);  // all of O(8)
  CHECK(freedom(20, false) == 28);
  CHECK(freedom(3, true) == 15);  // subspaces of dimension 3
  CHECK(boft::plan_adapter(model, on({"query"}, 9, true)).layers[0].problem ==
        "apply_GS makes r vectors of 8 numbers orthonormal, so expected r <= 8, got 9");
  AdapterModel adapters(model);
  CHECK_THROWS_WITH(adapters.add_adapter("a", on({"query"}, 9, true)),
                    "encoder.layer.0.attention.query: apply_GS makes r vectors of 8 numbers "
                    "orthonormal, so expected r <= 8, got 9");
  CHECK(adapters.names().empty());
  OneLayer<nn::Embedding> table(5, 4);
  AdapterModel other(table);
  CHECK_THROWS_WITH(other.add_adapter("a", on({"layer"})),
                    "target_modules: layer is an Embedding(5, 4), which HRA cannot adapt; OFT can");
}

}  // namespace papilio::test
