// Adapters under other names: those of Transformers 5, of a backbone alone, of other tools.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
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
    CAPTURE(name);
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

TEST_CASE("an adapter in Python's pickle is named for what it is") {
  const TemporaryFolder at;
  write_text(at / "adapter_config.json", R"({"peft_type": "LORA", "target_modules": ["query"]})");
  write_text(at / "adapter_model.bin", "PK");
  CHECK_THROWS_WITH_AS(boft::read_adapter_folder(at.path()),
                       doctest::Contains("its tensors are in adapter_model.bin, which is not read"),
                       FileError);
}

}  // namespace papilio::test
