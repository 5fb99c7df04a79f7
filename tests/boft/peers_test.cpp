// Whole models beside PEFT's own results: the folders that tests/peers/make_golden.py wrote.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "nn/layers/conv1d.h"
#include "nn/layers/embedding.h"
#include "nn/models/pretrained.h"
#include "tensor/files/safetensors.h"
#include "tests/paths.h"
#include "tests/peers/gradients.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;
using boft::AdapterModel;

namespace {

constexpr const char* kWeights = "adapter_model.safetensors";

fs::path folder_of(const fs::path& folder, const std::string& adapter) {
  return adapter == "default" ? folder : folder / adapter;
}

// |got - want| within 1e-5 of the largest |want|; of `least` if all of them are smaller.
void check_close(const Tensor& got, const Tensor& want, double tolerance = 1e-5, double least = 0) {
  REQUIRE(got.shape() == want.shape());
  const auto a = got.to_vector<double>(), b = want.to_vector<double>();
  double largest = least, worst = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    largest = std::max(largest, std::abs(b[i]));
    worst = std::max(worst, std::abs(a[i] - b[i]));
  }
  CHECK(worst <= tolerance * largest);
}

// What ViT and DINOv2 have none of: y = conv1d(table(ids)).
struct TwoLayers : nn::Module {
  nn::Embedding table{11, 16};
  nn::Conv1D conv1d{8, 16};  // 16 -> 8

  Tensor operator()(const Tensor& ids) { return conv1d(table(ids)); }
  void visit(nn::Visitor& v) override {
    v("table", table);
    v("conv1d", conv1d);
  }
  std::string describe() const override { return "TwoLayers"; }
};

// A base, a batch, and one of PEFT's results.
struct Golden {
  fs::path folder;
  SafetensorsFile batch, expected;
  std::vector<std::string> names, warnings;
  nn::PretrainedClassifier base;
  AdapterModel adapters;

  explicit Golden(const fs::path& f)
      : folder(f),
        batch(load_safetensors(f.parent_path() / "batch.safetensors")),
        expected(load_safetensors(f / "expected.safetensors")),
        base(nn::from_pretrained(f.parent_path() / "base")),
        adapters(*base.model) {
    std::istringstream words(expected.metadata.at("adapters"));
    for (std::string name; words >> name;) names.push_back(name);
    for (const std::string& name : names) {
      for (auto& warning : boft::load_adapter(adapters, folder_of(folder, name), name))
        warnings.push_back(warning);
    }
    adapters.set_adapter(names);
  }

  Tensor logits() {
    const NoGrad no_grad;
    nn::eval(*base.model);
    return (*base.model)(batch.tensors.at("pixel_values"));
  }
  bool has(const char* what) const { return expected.tensors.contains(what); }
};

void check_files(const Golden& g) {
  const TemporaryFolder out;
  for (const std::string& name : g.names) {
    const fs::path saved = boft::save_adapter(g.adapters, out.path(), name);
    const auto ours = load_safetensors(saved / kWeights).tensors;
    const auto theirs = load_safetensors(folder_of(g.folder, name) / kWeights).tensors;
    for (const auto& entry : theirs) {
      const auto& key = entry.first;
      const Tensor& tensor = entry.second;
      CAPTURE(key);
      // With bias "all" PEFT writes a saved module's bias under its wrapper's two names as well.
      if (key.ends_with(".modules_to_save.bias") || key.ends_with(".original_module.bias"))
        continue;
      REQUIRE(ours.contains(key));
      CHECK(ours.at(key).shape() == tensor.shape());
      CHECK(ours.at(key).to_vector<double>() == tensor.to_vector<double>());
    }
    for (const auto& [key, tensor] : ours) CHECK(theirs.contains(key));
  }
}

void check_gradients(Golden& g) {
  backward(cross_entropy((*g.base.model)(g.batch.tensors.at("pixel_values")),
                         g.batch.tensors.at("labels")));
  become_gradients(*g.base.model);
  const TemporaryFolder out;
  size_t seen = 0;
  double largest = 0;
  for (const auto& [key, want] : g.expected.tensors) {
    if (key.find('/') == std::string::npos) continue;
    for (const double value : want.to_vector<double>())
      largest = std::max(largest, std::abs(value));
  }
  for (const std::string& name : g.names) {
    const fs::path saved = boft::save_adapter(g.adapters, out.path(), name);
    for (const auto& entry : load_safetensors(saved / kWeights).tensors) {
      const auto& key = entry.first;
      CAPTURE(key);
      const auto want = g.expected.tensors.find(name + '/' + key);
      REQUIRE(want != g.expected.tensors.end());
      // A gradient of 0 (a key's bias under softmax) is rounding here and there.
      check_close(entry.second, want->second, 1e-4, largest / 100);
      ++seen;
    }
  }
  CHECK(seen + 2 == g.expected.tensors.size());
}

int check_all(const std::string& model, const std::string& prefix) {
  int count = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(source_root) / "tests/golden/peers" / model)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    CAPTURE(entry.path().string());
    Golden g(entry.path());
    // A block size that had to move says so, once a layer, and so does a number of factors that was
    // not the configuration's; nothing else has anything to say.
    const std::string name = entry.path().filename().string();
    CHECK(g.warnings.size() == (name == "oft_nearest"                                    ? 8
                                : name == "oft_coft_nearest"                             ? 10
                                : name == "boft_one_factor" || name == "oft_convolution" ? 1
                                                                                         : 0));
    check_files(g);
    const Tensor logits = g.logits();
    g.adapters.merge(true);
    check_close(g.logits(), g.expected.tensors.at("merged_logits"));
    g.adapters.unmerge();
    check_close(logits, g.expected.tensors.at(g.has("logits") ? "logits" : "merged_logits"));
    if (g.has("logits")) check_gradients(g);
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("PEFT's BOFT on a whole ViT: files, logits, merged logits and every gradient agree") {
  CHECK(check_all("vit", "boft_") == 8);
}

// PEFT's forward pass through a convolution disagrees with its merged weights; only these are
// compared there.
TEST_CASE("PEFT's OFT on a whole ViT: files, logits, merged logits and every gradient agree") {
  CHECK(check_all("vit", "oft_") == 5);
}

TEST_CASE("PEFT's LoRA on a whole ViT: files, logits, merged logits and every gradient agree") {
  CHECK(check_all("vit", "lora_") == 1);
}

TEST_CASE("PEFT's BOFT on a whole DINOv2: files, logits, merged logits and every gradient agree") {
  CHECK(check_all("dinov2", "boft_") == 4);
}

TEST_CASE("PEFT's OFT on a whole DINOv2: files, logits, merged logits and every gradient agree") {
  CHECK(check_all("dinov2", "oft_") == 3);
}

TEST_CASE("PEFT's LoRA on a whole DINOv2: files, logits, merged logits and every gradient agree") {
  CHECK(check_all("dinov2", "lora_") == 2);
}

TEST_CASE("PEFT's HRA on whole models: files, logits, merged logits and every gradient agree") {
  CHECK(check_all("vit", "hra_") == 1);
  CHECK(check_all("dinov2", "hra_") == 1);
}

TEST_CASE("PEFT's OFT of an embedding, its LoRA of a Conv1D: output, gradients, merged weight") {
  const fs::path root = fs::path(source_root) / "tests/golden/peers/layers";
  auto base = load_safetensors(root / "base.safetensors").tensors;
  const Tensor ids = base.at("ids"), dy = base.at("dy");
  base.erase("ids"), base.erase("dy");
  int count = 0;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (!entry.is_directory()) continue;
    CAPTURE(entry.path().string());
    const auto expected = load_safetensors(entry.path() / "expected.safetensors").tensors;
    TwoLayers model;
    nn::load_state_dict(model, base);
    AdapterModel adapters(model);
    CHECK(boft::load_adapter(adapters, entry.path()).empty());
    const Tensor y = model(ids);
    check_close(y, expected.at("y"));
    backward(y, dy);
    adapters.merge(true);
    const bool embedding = entry.path().filename().string().find("embedding") != std::string::npos;
    check_close(embedding ? model.table.weight : model.conv1d.weight, expected.at("merged_weight"));
    check_close(model(ids), expected.at("y"));
    adapters.unmerge();
    become_gradients(model);
    const TemporaryFolder out;
    boft::save_adapter(adapters, out.path());
    const auto gradients = load_safetensors(out / kWeights).tensors;
    CHECK(gradients.size() + 2 == expected.size());
    for (const auto& gradient : gradients)
      check_close(gradient.second, expected.at("default/" + gradient.first));
    ++count;
  }
  CHECK(count == 3);
}

}  // namespace papilio::test
