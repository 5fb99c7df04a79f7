// Adapters under other names: those of Transformers 5, of a backbone alone, of other tools.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/adapter_folder.h"
#include "boft/files/checkpoint.h"
#include "nn/models/pretrained.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/boft/tiny_model.h"
#include "tests/capture_bound.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;
using boft::AdapterModel;
using Lines = std::vector<std::string>;

namespace {

constexpr const char* kWeights = "adapter_model.safetensors";

fs::path golden(const std::string& name) {
  return fs::path(source_root) / "tests/golden" / name;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  REQUIRE(x.size() == y.size());
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(x[i] - y[i]));
  return worst;
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("PEFT's adapters under the names of Transformers 5: logits, merged, written back") {
  for (const auto& [name, base] :
       std::map<std::string, std::string>{{"swiglu_boft", "dinov2_swiglu"},
                                          {"lora_patterns", "vit"},
                                          {"lora_rslora", "vit"},
                                          {"backbone_lora", "vit"}}) {
    CAPTURE_BOUND(name);
    const NoGrad no_grad;
    const auto expected =
        load_safetensors(golden("names/" + name) / "expected.safetensors").tensors;
    const auto loaded = nn::from_pretrained(golden("transformers/" + base));
    nn::eval(*loaded.model);
    AdapterModel adapters(*loaded.model);
    CHECK(boft::load_adapter(adapters, golden("names/" + name)).empty());
    CHECK(largest_difference((*loaded.model)(expected.at("x")), expected.at("logits")) < 1e-5);

    const TemporaryFolder out;
    boft::save_adapter(adapters, out.path());
    const auto ours = load_safetensors(out / kWeights).tensors,
               theirs = load_safetensors(golden("names/" + name) / kWeights).tensors;
    CHECK(ours.size() == theirs.size());
    for (const auto& [key, tensor] : theirs) {
      std::string whole = key;
      if (name == "backbone_lora") whole.insert(std::string("base_model.model.").size(), "vit.");
      CAPTURE(whole);
      REQUIRE(ours.contains(whole));
      CHECK(ours.at(whole).to_vector<float>() == tensor.to_vector<float>());
    }
    const auto again = nn::from_pretrained(golden("transformers/" + base));
    nn::eval(*again.model);
    AdapterModel second(*again.model);
    CHECK(boft::load_adapter(second, out.path()).empty());
    CHECK(largest_difference((*again.model)(expected.at("x")), expected.at("logits")) < 1e-5);

    adapters.merge_and_unload();
    CHECK(largest_difference((*loaded.model)(expected.at("x")), expected.at("logits")) < 1e-5);
  }
}

TEST_CASE(
    "a regular expression of a backbone alone, whose paths begin without vit., fits the model") {
  const NoGrad no_grad;
  const auto expected =
      load_safetensors(golden("names/backbone_lora/expected.safetensors")).tensors;
  for (const char* pattern :
       {R"(layers\.\d+\.(attention\.q_proj|mlp\.fc2))", R"(.*(q_proj|mlp\.fc2))"}) {
    const TemporaryFolder at;
    fs::copy(golden("names/backbone_lora"), at.path(), fs::copy_options::recursive);
    auto config = nlohmann::json::parse(std::ifstream(at / "adapter_config.json"));
    config["target_modules"] = pattern;
    write_text(at / "adapter_config.json", config.dump());
    const auto loaded = nn::from_pretrained(golden("transformers/vit"));
    nn::eval(*loaded.model);
    AdapterModel adapters(*loaded.model);
    CHECK(boft::load_adapter(adapters, at.path()).empty());
    CHECK(largest_difference((*loaded.model)(expected.at("x")), expected.at("logits")) < 1e-5);
    // Written, it is one of the whole model, as PEFT reads it there.
    const TemporaryFolder out;
    boft::save_adapter(adapters, out.path());
    config = nlohmann::json::parse(std::ifstream(out / "adapter_config.json"));
    CHECK(config["target_modules"] == std::string(R"(vit\.(?:)") + pattern + ')');
    const auto again = nn::from_pretrained(golden("transformers/vit"));
    nn::eval(*again.model);
    AdapterModel second(*again.model);
    CHECK(boft::load_adapter(second, out.path()).empty());
    CHECK(largest_difference((*again.model)(expected.at("x")), expected.at("logits")) < 1e-5);
  }
}

TEST_CASE("what torch.compile and data parallelism put into an adapter's names is left out") {
  const NoGrad no_grad;
  const auto expected = load_safetensors(golden("names/lora_rslora/expected.safetensors")).tensors;
  const std::string prefix = "base_model.model.";
  const auto behind = [&](const std::string& word) {
    return [=](std::string key) { return key.insert(prefix.size(), word); };
  };
  const std::vector<std::function<std::string(std::string)>> renamings{
      behind("_orig_mod."),
      behind("module."),
      behind("_orig_mod.module."),
      [](const std::string& key) { return "_orig_mod." + key; },
      [](const std::string& key) { return "module." + key; },
      [](std::string key) {
        const size_t layer = key.find(".0.");
        return layer == key.npos ? key : key.insert(layer + 3, "_orig_mod.");
      }};
  for (size_t i = 0; i < renamings.size(); ++i) {
    CAPTURE(i);
    const TemporaryFolder at;
    fs::copy(golden("names/lora_rslora"), at.path(), fs::copy_options::recursive);
    std::map<std::string, Tensor> tensors;
    for (const auto& [key, tensor] : load_safetensors(at / kWeights).tensors)
      tensors[renamings[i](key)] = tensor;
    save_safetensors(at / kWeights, tensors);
    // PEFT writes all-linear on a compiled model as a list of such paths.
    auto config = nlohmann::json::parse(std::ifstream(at / "adapter_config.json"));
    for (auto& name : config["target_modules"]) name = "_orig_mod." + name.get<std::string>();
    write_text(at / "adapter_config.json", config.dump());
    const auto loaded = nn::from_pretrained(golden("transformers/vit"));
    nn::eval(*loaded.model);
    AdapterModel adapters(*loaded.model);
    CHECK(boft::load_adapter(adapters, at.path()).empty());
    CHECK(largest_difference((*loaded.model)(expected.at("x")), expected.at("logits")) < 1e-5);
    // The same once more, under the name that it had.
    const auto plain = load_safetensors(golden("names/lora_rslora") / kWeights).tensors;
    tensors.insert(*plain.begin());
    save_safetensors(at / kWeights, tensors);
    CHECK_THROWS_WITH_AS(boft::read_adapter_folder(at.path()),
                         doctest::Contains((": names " + plain.begin()->first + " twice").c_str()),
                         FileError);
  }
}

TEST_CASE("SwiGLU's halves with different rotations are refused, with the reason") {
  const TemporaryFolder at;
  fs::copy(golden("names/swiglu_boft"), at.path(), fs::copy_options::recursive);
  auto file = load_safetensors(at / kWeights);
  const std::string up = "base_model.model.dinov2.encoder.layer.0.mlp.up_proj.boft_R";
  file.tensors.at(up) = zeros(file.tensors.at(up).shape());
  save_safetensors(at / kWeights, file.tensors);
  const auto loaded = nn::from_pretrained(golden("transformers/dinov2_swiglu"));
  AdapterModel adapters(*loaded.model);
  CHECK_THROWS_WITH_AS(boft::load_adapter(adapters, at.path()),
                       doctest::Contains("gate_proj.boft_R and"), FileError);
  CHECK(adapters.names().empty());
}

TEST_CASE("weights that nothing takes are refused unless they are to be ignored") {
  const TemporaryFolder at;
  TinyModel model;
  {
    AdapterModel adapters(model);
    adapters.add_adapter("default",
                         boft::BoftConfig{.boft_block_size = 4, .target_modules = {"query"}});
    boft::save_adapter(adapters, at.path());
    adapters.unload();
  }
  auto tensors = load_safetensors(at / kWeights).tensors;
  tensors["base_model.model.steps"] = zeros({1}, {.dtype = DType::int64});
  save_safetensors(at / kWeights, tensors);
  AdapterModel adapters(model);
  const std::string where = (at / kWeights).string();
  CHECK(boft::load_adapter(adapters, at.path()) ==
        Lines{where + ": not used: base_model.model.steps"});
  tensors["base_model.model.stem.weight"] = zeros({1});
  save_safetensors(at / kWeights, tensors);
  CHECK_THROWS_WITH_AS(
      boft::load_adapter(adapters, at.path(), "b"),
      (where + ": holds weights that nothing in the model takes: base_model.model.stem.weight")
          .c_str(),
      boft::UnusedWeights);
  CHECK(adapters.names() == Lines{"default"});
  CHECK(boft::load_adapter(adapters, at.path(), "b", boft::Unused::ignore) ==
        Lines{where + ": not used: base_model.model.stem.weight",
              where + ": not used: base_model.model.steps"});
}

TEST_CASE("OneTrainer's scaled OFT is divided by 2 sqrt(b - 1)") {
  const TemporaryFolder at;
  TinyModel model;
  AdapterModel adapters(model);
  boft::OftConfig config{.oft_block_size = 4, .target_modules = {"query"}, .init_weights = false};
  adapters.add_adapter("default", config);
  boft::save_adapter(adapters, at.path());
  const auto plain = load_safetensors(at / kWeights).tensors;
  auto scaled = plain;
  for (const auto& [key, tensor] : plain) {
    scaled[key] = tensor * (2 * std::sqrt(3.0));
    scaled[key.substr(0, key.rfind('.')) + ".scaled_oft"] = ones({}, {.dtype = DType::boolean});
  }
  save_safetensors(at / kWeights, scaled);
  const auto read = boft::read_adapter_folder(at.path());
  CHECK(read.tensors.size() == plain.size());
  for (const auto& [key, tensor] : plain)
    CHECK(largest_difference(read.tensors.at(key), tensor) < 1e-7);
  REQUIRE(read.warnings.size() == 1);
  CHECK(read.warnings[0].find("3 rotations in OneTrainer's scaled form") != std::string::npos);
  // DoRA-OFT scales rows too.
  scaled["base_model.model.encoder.layer.0.attention.query.dora_scale"] = ones({8, 1});
  save_safetensors(at / kWeights, scaled);
  CHECK_THROWS_WITH_AS(boft::read_adapter_folder(at.path()), doctest::Contains("DoRA-OFT"),
                       FileError);
}

TEST_CASE("files of OneTrainer, and adapters' tensors alone, say that a configuration is missing") {
  const TemporaryFolder at;
  const std::string layer = "base_model.model.vit.encoder.layer.0.attention.attention.query.";
  const std::map<std::string, Tensor> rotation{{layer + "oft_R.weight", zeros({4, 6})}};
  auto marked = rotation;
  marked[layer + "oft_R.scaled_oft"] = ones({}, {.dtype = DType::boolean});
  for (const bool one_trainer : {true, false}) {
    const fs::path file = at / (one_trainer ? "marked.safetensors" : "plain.safetensors");
    save_safetensors(file, one_trainer ? marked : rotation);
    const std::string says =
        file.string() + ": " + layer +
        (one_trainer
             ? "oft_R.scaled_oft is of OneTrainer, whose files have no configuration; it is read "
               "as adapter_model.safetensors beside an adapter_config.json with peft_type "
               "OFT, oft_block_size and target_modules, if its keys begin with "
               "base_model.model."
             : "oft_R.weight is of an adapter without adapter_config.json, which says what "
               "its numbers mean");
    // The file itself, and the folder that holds it alone.
    for (const fs::path& path : {file, at.path()})
      CHECK_THROWS_WITH_AS(boft::read_adapter_folder(path), says.c_str(), FileError);
    fs::remove(file);
  }
  // With its configuration it is read.
  save_safetensors(at / kWeights, marked);
  write_text(at / "adapter_config.json",
             R"({"peft_type": "OFT", "oft_block_size": 4, "target_modules": ["query"]})");
  CHECK(boft::read_adapter_folder(at.path()).tensors.size() == 1);
}

TEST_CASE("an adapter in Python's pickle is named for what it is") {
  const TemporaryFolder at;
  write_text(at / "adapter_config.json", R"({"peft_type": "LORA", "target_modules": ["query"]})");
  write_text(at / "adapter_model.bin", "PK");
  CHECK_THROWS_WITH_AS(boft::read_adapter_folder(at.path()),
                       doctest::Contains("its tensors are in adapter_model.bin, which is not read"),
                       FileError);
}

}  // namespace papilio::test
