#include "boft/files/checkpoint.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/boft/tiny_model.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using boft::AdapterModel;
using boft::BoftConfig;
using boft::LoraConfig;
namespace fs = std::filesystem;

namespace {

std::vector<double> outputs(TinyModel& model) {
  const NoGrad no_grad;
  return model(tiny_input()).to_vector<double>();
}

BoftConfig boft_config() {
  return {.boft_block_size = 2,
          .boft_n_butterfly_factor = 2,
          .target_modules = {"query", "stem"},
          .bias = "boft_only",
          .modules_to_save = {"classifier"},
          .init_weights = false};
}

}  // namespace

TEST_CASE("adapter folder: PEFT's keys and shapes") {
  TemporaryFolder folder;
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("default", boft_config());
  CHECK(boft::save_adapter(adapters, folder.path()) == folder.path());
  const SafetensorsFile file = load_safetensors(folder.path() / "adapter_model.safetensors");
  CHECK(file.metadata.at("format") == "pt");
  CHECK(file.tensors.size() == 4 * 3 + 2);
  CHECK(file.tensors.at("base_model.model.encoder.layer.1.attention.query.boft_R").shape() ==
        Dims{2, 4, 2, 2});
  CHECK(file.tensors.at("base_model.model.encoder.layer.1.attention.query.boft_s").shape() ==
        Dims{8, 1});
  CHECK(
      file.tensors.at("base_model.model.encoder.layer.1.attention.query.base_layer.bias").shape() ==
      Dims{8});
  CHECK(file.tensors.at("base_model.model.stem.boft_s").shape() == Dims{1, 8});
  CHECK(file.tensors.contains("base_model.model.classifier.weight"));
}

TEST_CASE(
    "adapter folder: saved, loaded into a fresh model, same outputs; a named one in its "
    "subfolder") {
  TemporaryFolder folder;
  for (const auto& [name, config] :
       {std::pair<std::string, boft::AdapterConfig>{"default", boft_config()},
        {"second",
         LoraConfig{.r = 2, .target_modules = {"query", "value"}, .init_lora_weights = false}}}) {
    TinyModel model;
    AdapterModel adapters(model);
    adapters.add_adapter(name, config);
    for (const auto& own : adapters.own_tensors(name))
      copy_(own.copy, normal(own.copy.shape(), 0, 1));
    const auto expected = outputs(model);
    const fs::path where = boft::save_adapter(adapters, folder.path(), name);
    CHECK(where == (name == "default" ? folder.path() : folder.path() / "second"));
    TinyModel fresh;
    AdapterModel loaded(fresh);
    CHECK(boft::load_adapter(loaded, where, name).empty());
    CHECK(outputs(fresh) == expected);
  }
}

TEST_CASE("adapter folder: saving an adapter that is not there names it and those that are") {
  TemporaryFolder folder;
  TinyModel model;
  AdapterModel adapters(model);
  CHECK_THROWS_WITH_AS(boft::save_adapter(adapters, folder.path(), "second"),
                       "save_adapter: there is no adapter named second; there are: none",
                       ArgumentError);
  adapters.add_adapter("default", boft_config());
  adapters.add_adapter("other", LoraConfig{.r = 2, .target_modules = {"query"}});
  CHECK_THROWS_WITH_AS(boft::save_adapter(adapters, folder.path(), "second"),
                       "save_adapter: there is no adapter named second; there are: default, other",
                       ArgumentError);
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE(
    "adapter folder: missing and unexpected tensors are named, mismatches refused without a "
    "trace") {
  TemporaryFolder folder;
  TinyModel model;
  const auto base = outputs(model);
  AdapterModel adapters(model);
  adapters.add_adapter("default", BoftConfig{.boft_block_size = 4, .target_modules = {"query"}});
  boft::save_adapter(adapters, folder.path());
  const fs::path weights = folder.path() / "adapter_model.safetensors";
  SafetensorsFile file = load_safetensors(weights);
  const std::string r = "base_model.model.encoder.layer.0.attention.query.boft_R";

  auto changed = file.tensors;
  changed.erase(r);
  changed["base_model.model.encoder.layer.0.attention.query.boft_P"] = zeros({1, 8, 8});
  save_safetensors(weights, changed);
  TinyModel fresh;
  AdapterModel loaded(fresh);
  const auto warnings = boft::load_adapter(loaded, folder.path());
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0] == weights.string() + ": missing, left as initialised: " + r);
  CHECK(warnings[1] ==
        weights.string() +
            ": not used: base_model.model.encoder.layer.0.attention.query.boft_P (a "
            "permutation that old releases of PEFT stored; it follows from the configuration)");

  changed = file.tensors;
  changed[r] = zeros({1, 4, 2, 2});
  save_safetensors(weights, changed);
  TinyModel other;
  AdapterModel refused(other);
  CHECK_THROWS_WITH(
      boft::load_adapter(refused, folder.path()),
      (weights.string() + ": " + r + " has shape (1, 4, 2, 2), the model wants (1, 2, 4, 4)")
          .c_str());
  CHECK(refused.names().empty());
  CHECK(outputs(other) == base);

  std::ofstream(weights, std::ios::trunc) << "short";
  CHECK_THROWS_AS(boft::load_adapter(refused, folder.path()), FileError);
  CHECK_THROWS_AS(boft::load_adapter(refused, folder.path() / "nowhere"), FileError);
}

}  // namespace papilio::test
