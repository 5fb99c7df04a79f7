// Model folders as people find them: names behind wrappers' prefixes, weights in other forms,
// labels that contradict each other, sizes that the weights do not have.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "boft/files/adapter_folder.h"
#include "nn/models/detail/transformers_names.h"
#include "nn/models/dinov2.h"
#include "nn/models/pretrained.h"
#include "tensor/files/safetensors.h"
#include "tests/nn/models/golden_models.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json config_of(const std::string& name) {
  return json::parse(read_bytes(golden_model(name) / "config.json"));
}

// The golden folder under `folder`, its tensors renamed.
template <class F>
void write_renamed(const fs::path& folder, const std::string& name, F&& renamed) {
  fs::create_directories(folder);
  fs::copy_file(golden_model(name) / "config.json", folder / "config.json",
                fs::copy_options::overwrite_existing);
  std::map<std::string, Tensor> tensors;
  for (const auto& [key, tensor] :
       load_safetensors(golden_model(name) / "model.safetensors").tensors)
    tensors[renamed(key)] = tensor;
  save_safetensors(folder / "model.safetensors", tensors);
}

}  // namespace

TEST_CASE("names behind a wrapper's prefix are read as if it were not there") {
  for (const std::string prefix : {"_orig_mod.", "module.", "base_model.model.",
                                   "module._orig_mod.", "base_model.model._orig_mod."}) {
    for (const std::string name : {"deit", "timm"}) {
      CAPTURE(prefix);
      const TemporaryFolder folder;
      write_renamed(folder.path(), name, [&](const std::string& key) { return prefix + key; });
      const nn::PretrainedClassifier loaded = nn::from_pretrained(folder.path());
      CHECK(loaded.warnings.empty());
      expect_golden_logits(*loaded.model, name, 3);
    }
  }
}

TEST_CASE("modules compiled one by one have torch.compile's word in the middle of their names") {
  const TemporaryFolder folder;
  write_renamed(folder.path(), "deit", [](std::string key) {
    const std::string layers = "deit.encoder.layer.";
    if (key.starts_with(layers)) key.insert(layers.size() + 2, "_orig_mod.");  // after "0."
    return key;
  });
  const nn::PretrainedClassifier loaded = nn::from_pretrained(folder.path());
  CHECK(loaded.warnings.empty());
  expect_golden_logits(*loaded.model, "deit", 3);
  CHECK(nn::uncompiled_name("a_orig_mod.b") == "a_orig_mod.b");
  CHECK(nn::uncompiled_name("_orig_mod.a._orig_mod._orig_mod.b") == "a.b");
}

TEST_CASE("a model saved with PEFT's adapters still on it is named for what it is") {
  const TemporaryFolder folder;
  write_renamed(folder.path(), "deit", [](const std::string& key) {
    const size_t at = key.find("query.");
    return at == std::string::npos ? key
                                   : key.substr(0, at) + "query.base_layer." + key.substr(at + 6);
  });
  CHECK_THROWS_WITH_AS(
      nn::from_pretrained(folder.path()),
      (folder.path().string() +
       ": the weights are of a model that still carries PEFT's adapters (base_layer): merge them "
       "there (merge_and_unload) and save the model, or save the adapter")
          .c_str(),
      FileError);
}

TEST_CASE("weights and adapters in pickles are named for what they are") {
  const TemporaryFolder folder;
  fs::copy_file(golden_model("deit") / "config.json", folder / "config.json");
  write_bytes(folder / "pytorch_model.bin", "x");
  CHECK_THROWS_WITH_AS(nn::from_pretrained(folder.path()),
                       doctest::Contains("its weights are in pytorch_model.bin, which is not read"),
                       FileError);
  fs::copy_file(golden_model("deit_boft") / "adapter_config.json", folder / "adapter_config.json");
  write_bytes(folder / "adapter_model.bin", "x");
  CHECK_THROWS_WITH_AS(boft::read_adapter_folder(folder.path()),
                       doctest::Contains("its tensors are in adapter_model.bin, which is not read"),
                       FileError);
}

TEST_CASE("num_labels wins over an id2label of another length; numbers are names") {
  const TemporaryFolder folder;
  const fs::path path = folder / "config.json";
  json config = config_of("deit");
  config["id2label"] = {{"0", 0}, {"1", "one"}, {"2", 2.5}};
  write_bytes(path, config.dump());
  CHECK(nn::from_config(path).class_names == std::vector<std::string>{"0", "one", "2.5"});
  CHECK(nn::from_config(path).warnings.empty());
  config["num_labels"] = 2;
  write_bytes(path, config.dump());
  const nn::PretrainedClassifier loaded = nn::from_config(path);
  CHECK(loaded.model->shape().num_labels == 2);
  CHECK(loaded.class_names == std::vector<std::string>{"LABEL_0", "LABEL_1"});
  CHECK(loaded.warnings ==
        std::vector<std::string>{path.string() +
                                 ": id2label names 3 classes, num_labels says 2, which counts: "
                                 "they are called LABEL_0, LABEL_1, ..."});
}

TEST_CASE("of outputs with one name label2id says which is meant") {
  const TemporaryFolder folder;
  const fs::path path = folder / "config.json";
  json config = config_of("deit");
  config["id2label"] = {{"0", "cat"}, {"1", "dog"}, {"2", "cat"}, {"3", "cat"}, {"4", "bat"}};
  config["num_labels"] = 5;
  using Names = std::vector<std::string>;
  const auto names = [&](const json& label2id) {
    config["label2id"] = label2id;
    write_bytes(path, config.dump());
    return nn::from_config(path).class_names;
  };
  const Names first{"cat", "dog", "cat (output 2)", "cat (output 3)", "bat"},
      third{"cat (output 0)", "dog", "cat", "cat (output 3)", "bat"};
  CHECK(names({{"cat", 2}, {"dog", 1}, {"bat", 4}}) == third);
  CHECK(nn::from_config(path).warnings ==
        Names{path.string() +
              ": id2label gives 3 outputs the name cat; label2id says that output 2 "
              "is meant, and 0, 3 go by \"cat (output N)\""});
  // One that says nothing of the name, or something impossible: the first.
  CHECK(names({{"dog", 1}}) == first);
  CHECK(names({{"cat", 1}}) == first);
  CHECK(names({{"cat", -1}}) == first);
  CHECK(names({{"cat", "2"}}) == first);
  CHECK(names(nullptr) == first);
  CHECK(nn::from_config(path).warnings ==
        Names{path.string() + ": id2label gives 3 outputs the name cat; the first, 0, is taken for "
                              "it, and 2, 3 go by \"cat (output N)\""});
}

TEST_CASE("label2id that contradicts id2label, or stands alone, is told") {
  const TemporaryFolder folder;
  const fs::path path = folder / "config.json";
  json config = config_of("deit");
  using Names = std::vector<std::string>;
  config["id2label"] = {{"0", "cat"}, {"1", "dog"}};
  config["num_labels"] = 2;
  const auto read = [&](const json& label2id) {
    config["label2id"] = label2id;
    write_bytes(path, config.dump());
    return nn::from_config(path);
  };
  CHECK(read({{"cat", 1}, {"dog", 0}}).class_names == Names{"cat", "dog"});
  CHECK(nn::from_config(path).warnings ==
        Names{path.string() + ": label2id says that cat is output 1, id2label that it is 0; "
                              "id2label is taken"});
  CHECK(read({{"cat", 0}, {"dog", 1}, {"bat", 7}}).warnings.empty());
  CHECK(read({{"cat", "0"}, {"dog", "1"}}).warnings.empty());
  config.erase("id2label");
  CHECK(read({{"cat", 1}, {"dog", 0}}).warnings ==
        Names{path.string() + ": has label2id and no id2label: outputs go by their numbers"});
}

TEST_CASE("every model says how its pictures are prepared if no file does") {
  const auto shape_of = [](const char* name) {
    return nn::from_pretrained(golden_model(name)).model->shape();
  };
  CHECK(shape_of("timm").image_processor == "ViTImageProcessor");
  CHECK(!shape_of("timm").imagenet_statistics);
  CHECK(shape_of("deit").image_processor == "DeiTImageProcessor");
  CHECK(shape_of("deit").imagenet_statistics);
  CHECK(shape_of("deit").picture_side == 0);
  CHECK(shape_of("dinov3").image_processor == "DINOv3ViTImageProcessor");
  for (const int64_t registers : {-1, 4}) {
    nn::Dinov2Config config{.image_size = 42,
                            .hidden_size = 4,
                            .num_hidden_layers = 1,
                            .num_attention_heads = 1,
                            .num_register_tokens = registers};
    const auto shape = [&] { return nn::Dinov2ForImageClassification(config).shape(); };
    CHECK(shape().image_processor == "BitImageProcessor");
    CHECK(shape().imagenet_statistics);
    CHECK(shape().picture_side == 42);
    config.image_size = 518;
    CHECK(shape().picture_side == 224);
  }
}

TEST_CASE("of images that are no multiple of the patch the remainder is dropped") {
  const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model("dinov2_remainder"));
  CHECK(loaded.warnings.empty());
  expect_golden_logits(*loaded.model, "dinov2_remainder", 3);
}

}  // namespace papilio::test
