// Models saved by Hugging Face Transformers (tests/peers/transformers_golden.py): the same answers
// here.
#include "nn/models/pretrained.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "nn/models/detail/transformers_names.h"
#include "nn/models/dinov2.h"
#include "nn/models/vit.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;

namespace {

fs::path golden(const std::string& name) {
  return fs::path(source_root) / "tests/golden/transformers" / name;
}

double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(x[i] - y[i]));
  return worst;
}

// The class token behind the last norm: the first hidden_size of what the classifier sees.
Tensor class_token(nn::ImageClassifier& model, const Tensor& images) {
  return slice(model.features(images), 1, 0, model.shape().hidden_size);
}

constexpr double kTolerance = 1e-5;

// Every size of image that the file has answers for.
void expect_answers(nn::ImageClassifier& model, const fs::path& file, size_t sizes) {
  const NoGrad no_grad;
  nn::eval(model);
  const SafetensorsFile answers = load_safetensors(file);
  size_t seen = 0;
  for (const auto& [key, images] : answers.tensors) {
    if (!key.ends_with(".images")) continue;
    const std::string size = key.substr(0, key.find('.'));
    CAPTURE(size);
    CHECK(distance(model(images), answers.tensors.at(size + ".logits")) < kTolerance);
    CHECK(distance(class_token(model, images), answers.tensors.at(size + ".cls")) < kTolerance);
    ++seen;
  }
  CHECK(seen == sizes);
}

void copy_folder(const fs::path& from, const fs::path& to) {
  fs::create_directories(to);
  fs::copy(from, to, fs::copy_options::overwrite_existing | fs::copy_options::recursive);
}

void rewrite(const fs::path& file, const std::string& from, const std::string& to) {
  std::ifstream in(file);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  std::ofstream(file) << text;
}

}  // namespace

TEST_CASE("Transformers' models give the same logits and class tokens here") {
  for (const auto& [name, answers, sizes] :
       {std::tuple<std::string, std::string, size_t>{"vit", "vit", 3},
        {"vit_transformers5", "vit", 3},
        {"vit_tanh_sharded", "vit_tanh_sharded", 1},
        {"dinov2", "dinov2", 3},
        {"dinov2_swiglu", "dinov2_swiglu", 1},
        {"dinov2_swiglu_transformers5", "dinov2_swiglu", 1},
        {"dinov2_with_registers", "dinov2_with_registers", 3}}) {
    const fs::path folder = golden(name);
    CAPTURE(folder.string());
    const nn::PretrainedClassifier loaded = nn::from_pretrained(folder);
    CHECK(loaded.warnings.empty());
    CHECK(loaded.class_names == std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"});
    if (auto* vit = dynamic_cast<nn::ViTForImageClassification*>(loaded.model.get())) {
      CHECK_THROWS_AS(vit->vit.embeddings(randn({1, 2, 8, 8})), ArgumentError);
      vit->vit.embeddings.interpolate_pos_encoding = true;
    }
    expect_answers(*loaded.model, golden(answers) / "answers.safetensors", sizes);
  }
}

TEST_CASE("a written model folder has Transformers' names and keys, and gives the same answers") {
  const TemporaryFolder folder;
  for (const std::string name :
       {"vit", "vit_tanh_sharded", "dinov2", "dinov2_swiglu", "dinov2_with_registers"}) {
    CAPTURE(name);
    nn::PretrainedClassifier loaded = nn::from_pretrained(golden(name));
    nn::save_pretrained(*loaded.model, {"cat", "dog", "owl"}, folder.path() / name);
    const nn::PretrainedClassifier again = nn::from_pretrained(folder.path() / name);
    CHECK(again.warnings.empty());
    CHECK(again.class_names == std::vector<std::string>{"cat", "dog", "owl"});
    CHECK(again.model->other_config == loaded.model->other_config);
    CHECK(again.model->other_config.at("transformers_version") == "\"5.23.0\"");
    if (name == "vit_tanh_sharded") continue;
    const auto theirs = load_safetensors(golden(name) / "model.safetensors").tensors;
    const auto ours = load_safetensors(folder.path() / name / "model.safetensors").tensors;
    CHECK(ours.size() == theirs.size());
    for (const auto& [key, tensor] : theirs) {
      const std::string& tensor_name = key;
      CAPTURE(tensor_name);
      REQUIRE(ours.contains(key));
      CHECK(ours.at(key).to_vector() == tensor.to_vector());
    }
  }
}

TEST_CASE("PEFT's adapters under Transformers 5's module names: read, and written either way") {
  const TemporaryFolder folder;
  for (const std::string name : {"dinov2_boft", "dinov2_lora"}) {
    CAPTURE(name);
    const auto answers = load_safetensors(golden(name) / "answers.safetensors").tensors;
    const auto check_adapter = [&](const fs::path& from) {
      const nn::PretrainedClassifier base = nn::from_pretrained(golden("dinov2"));
      boft::AdapterModel adapters(*base.model);
      CHECK(boft::load_adapter(adapters, from).empty());
      nn::eval(*base.model);
      const NoGrad no_grad;
      CHECK(distance((*base.model)(answers.at("images")), answers.at("logits")) < kTolerance);
      CHECK(adapters.layers("default").size() == 12);
      boft::save_adapter(adapters, folder.path() / "same");
      boft::save_adapter(adapters, folder.path() / "old", "default",
                         boft::ModuleNaming::transformers4);
      boft::save_adapter(adapters, folder.path() / "new", "default",
                         boft::ModuleNaming::transformers5);
      return adapters.transformers5_names("default");
    };
    CHECK(check_adapter(golden(name)));
    const auto keys = [&](const fs::path& from) {
      std::vector<std::string> result;
      for (const auto& [key, t] : load_safetensors(from / "adapter_model.safetensors").tensors)
        result.push_back(key);
      return result;
    };
    const std::string prefix = "base_model.model.dinov2.encoder.layer.1.attention.",
                      end = name == "dinov2_boft" ? ".boft_R" : ".lora_A.weight";
    CHECK(keys(folder.path() / "same") == keys(golden(name)));
    CHECK(keys(folder.path() / "new") == keys(golden(name)));
    CHECK(std::ranges::count(keys(folder.path() / "old"), prefix + "attention.query" + end) == 1);
    CHECK(std::ranges::count(keys(folder.path() / "new"), prefix + "q_proj" + end) == 1);
    copy_folder(folder.path() / "old", folder.path() / "old copy");
    CHECK_FALSE(check_adapter(folder.path() / "old copy"));
    CHECK(keys(folder.path() / "same") == keys(folder.path() / "old copy"));
    copy_folder(folder.path() / "new", folder.path() / "new copy");
    CHECK(check_adapter(folder.path() / "new copy"));
  }
}

TEST_CASE("module names of Transformers 4 and 5") {
  const std::pair<const char*, const char*> both[] = {
      {"vit.encoder.layer.10.attention.attention.query", "vit.layers.10.attention.q_proj"},
      {"vit.encoder.layer.0.attention.output.dense.bias", "vit.layers.0.attention.o_proj.bias"},
      {"vit.encoder.layer.0.intermediate.dense.weight", "vit.layers.0.mlp.fc1.weight"},
      {"vit.encoder.layer.0.output.dense", "vit.layers.0.mlp.fc2"},
      {"vit.encoder.layer.0.layernorm_before", "vit.layers.0.layernorm_before"},
      {"dinov2.encoder.layer.3.attention.attention.value",
       "dinov2.encoder.layer.3.attention.v_proj"},
      {"dinov2.encoder.layer.3.mlp.fc1", "dinov2.encoder.layer.3.mlp.fc1"},
      {"dinov2_with_registers.encoder.layer.3.attention.attention.key",
       "dinov2_with_registers.encoder.layer.3.attention.k_proj"},
      {"vit.embeddings.cls_token", "vit.embeddings.cls_token"},
      {"classifier.weight", "classifier.weight"},
      {"my.encoder.layer.0.attention.attention.query",
       "my.encoder.layer.0.attention.attention.query"},
  };
  for (const auto& [old, young] : both) {
    CHECK(nn::transformers5_name(old) == young);
    CHECK(nn::transformers5_name(young) == young);
    CHECK(nn::checkpoint_name(young) == old);
    CHECK(nn::checkpoint_name(old) == old);
  }
  CHECK(nn::transformers5_name("vit.encoder.layer.0.output.dense_2") ==
        "vit.layers.0.output.dense_2");
}

TEST_CASE("a backbone's file alone: the classifier is new, and the user is told") {
  const TemporaryFolder folder;
  copy_folder(golden("dinov2"), folder.path());
  std::map<std::string, Tensor> backbone;
  for (const auto& [key, tensor] :
       load_safetensors(golden("dinov2") / "model.safetensors").tensors) {
    if (key.starts_with("dinov2.")) backbone[key.substr(7)] = tensor;
  }
  backbone["pooler.dense.bias"] = randn({16});
  save_safetensors(folder.path() / "model.safetensors", backbone);
  const nn::PretrainedClassifier loaded = nn::from_pretrained(folder.path());
  const std::string where = folder.path().string();
  CHECK(loaded.warnings ==
        std::vector<std::string>{
            where + ": the weights hold no classifier: it is new, and knows nothing yet",
            where + ": weights that are not used: pooler.dense.bias"});
  const auto answers = load_safetensors(golden("dinov2") / "answers.safetensors").tensors;
  nn::eval(*loaded.model);
  const NoGrad no_grad;
  CHECK(distance(class_token(*loaded.model, answers.at("12x12.images")), answers.at("12x12.cls")) <
        kTolerance);
  const Tensor logits = (*loaded.model)(answers.at("12x12.images"));
  CHECK(distance(logits, logits) == 0);  // finite
}

TEST_CASE("tensors of dtypes that Papilio lacks: warned of if unused, refused if needed") {
  const TemporaryFolder folder;
  const fs::path file = folder / "model.safetensors";
  fs::copy(golden("vit") / "config.json", folder / "config.json");
  const std::string good = read_bytes(golden("vit") / "model.safetensors");
  uint64_t n = 0;
  std::memcpy(&n, good.data(), 8);
  const std::string header = good.substr(8, n), data = good.substr(8 + n);
  const auto write = [&](const std::string& changed, const std::string& more) {
    const uint64_t length = changed.size();
    write_bytes(file,
                std::string(reinterpret_cast<const char*>(&length), 8) + changed + data + more);
  };
  const std::string offsets = str("[", data.size(), ",", data.size() + 1, "]}");
  std::string extra = header;
  extra.insert(extra.rfind('}'),
               R"(,"vit.encoder.layer.0.input_scale":{"dtype":"F8_E4M3","shape":[1],)"
               R"("data_offsets":)" +
                   offsets);
  write(extra, "x");
  CHECK(nn::from_pretrained(folder.path()).warnings ==
        std::vector<std::string>{folder.path().string() +
                                 ": weights that are not used: vit.encoder.layer.0.input_scale "
                                 "(F8_E4M3)"});
  std::string needed = header;
  const size_t at = needed.find("\"F32\"", needed.find("\"classifier.bias\""));
  write(needed.replace(at, 5, "\"U32\""), "");
  CHECK_THROWS_WITH_AS(
      nn::from_pretrained(folder.path()),
      (folder.path().string() + ": the weights' classifier.bias has the dtype U32, "
                                "which is not supported")
          .c_str(),
      FileError);
}

TEST_CASE("config.json: settings that would compute something else are refused, others are kept") {
  const TemporaryFolder folder;
  const fs::path config = folder.path() / "config.json";
  const auto with = [&](const char* from, const char* to, const char* model = "vit") {
    copy_folder(golden(model), folder.path());
    rewrite(config, from, to);
  };
  const auto refused = [&](const std::string& message) {
    CHECK_THROWS_WITH(nn::from_pretrained(folder.path()),
                      (config.string() + ": " + message).c_str());
  };
  with("\"gelu\"", "\"mish\"");
  refused(
      "hidden_act: expected one of gelu, gelu_python, gelu_new, gelu_pytorch_tanh, gelu_fast, "
      "quick_gelu, relu, silu, swish, got \"mish\"");
  with("\"qkv_bias\": true", "\"qkv_bias\": true, \"head_dim\": 4");
  refused("head_dim: expected hidden_size / num_attention_heads (not supported otherwise), got 4");
  with("\"qkv_bias\": true",
       "\"qkv_bias\": true, \"quantization_config\": {\"quant_method\": \"gptq\"}");
  refused(
      "quantization_config: quant_method: expected bitsandbytes, whose codes alone are read, got "
      "\"gptq\"");
  with("\"image_size\": 12", "\"image_size\": [12, 16]");
  refused(
      "image_size: expected one whole number >= 1, or two equal ones (square images and patches), "
      "got [12,16]");
  with("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 100000");
  refused("num_hidden_layers: expected a whole number from 0 to 1000, got 100000");
  with("\"patch_size\": 4", "\"patch_size\": 13");
  refused("ViTConfig: patch_size 13 is larger than image_size 12");
  with("\"intermediate_size\": 24", "\"intermediate_size\": 1000000000000");
  const std::string beyond = config.string() + ": out of memory on cpu: requested";
  CHECK_THROWS_WITH_AS(nn::from_pretrained(folder.path()), doctest::Contains(beyond.c_str()),
                       FileError);
  with("\"model_type\": \"vit\"", "\"model_type\": \"bert\"");
  refused(
      "model_type: expected \"vit\", \"deit\", \"dinov2\", \"dinov2_with_registers\", "
      "\"dinov3_vit\" or \"gpt2\", got \"bert\"");
  with("\"mlp_ratio\": 2", "\"mlp_ratio\": \"two\"", "dinov2");
  refused("mlp_ratio: expected a number, got \"two\"");

  with("\"qkv_bias\": true", "\"qkv_bias\": true, \"gated_heads\": [1], \"_note\": \"kept\"");
  nn::PretrainedClassifier loaded = nn::from_pretrained(folder.path());
  CHECK(loaded.warnings ==
        std::vector<std::string>{config.string() + ": not known here: gated_heads"});
  nn::save_pretrained(*loaded.model, loaded.class_names, folder.path() / "again");
  const nn::PretrainedClassifier again = nn::from_pretrained(folder.path() / "again");
  CHECK(again.model->other_config.at("gated_heads") == "[1]");
  CHECK(again.model->other_config.at("_note") == "\"kept\"");
}

TEST_CASE("model folders that lie: the file and what is wrong with it") {
  const TemporaryFolder folder;
  const fs::path index = folder.path() / "model.safetensors.index.json";
  const auto fresh = [&] {
    fs::remove_all(folder.path());
    copy_folder(golden("vit_tanh_sharded"), folder.path());
  };
  const auto refused = [&](const std::string& message) {
    CHECK_THROWS_WITH(nn::from_pretrained(folder.path()), message.c_str());
  };
  fresh();
  rewrite(index, "model-00001-of-00004.safetensors", "../secret.safetensors");
  CHECK_THROWS_AS(nn::from_pretrained(folder.path()), FileError);
  fresh();
  rewrite(index, "model-00001-of-00004.safetensors", "model-00004-of-00004.safetensors");
  CHECK_THROWS_AS(nn::from_pretrained(folder.path()), FileError);
  fresh();
  fs::remove(folder.path() / "model-00002-of-00004.safetensors");
  CHECK_THROWS_AS(nn::from_pretrained(folder.path()), FileError);
  fresh();
  std::ofstream(index) << "{\"weight_map\": {\"classifier.bias\": 3}}";
  refused(index.string() + ": weight_map: classifier.bias: expected a file's name, got 3");
  std::ofstream(index) << "[]";
  refused(index.string() + ": weight_map: expected an object of file names by tensor");
  fs::remove(index);
  refused(folder.path().string() +
          ": holds neither model.safetensors nor model.safetensors.index.json");

  fs::remove_all(folder.path());
  copy_folder(golden("vit"), folder.path());
  auto tensors = load_safetensors(golden("vit") / "model.safetensors").tensors;
  tensors.erase("vit.layernorm.bias");
  save_safetensors(folder.path() / "model.safetensors", tensors);
  refused(folder.path().string() + ": the weights lack vit.layernorm.bias");
  tensors["vit.layernorm.bias"] = randn({8});
  save_safetensors(folder.path() / "model.safetensors", tensors);
  refused(folder.path().string() +
          ": load_state_dict: vit.layernorm.bias has shape (16) in the model and (8) in the state "
          "dict");
  tensors["vit.layers.0.mlp.fc1.bias"] = randn({24});
  save_safetensors(folder.path() / "model.safetensors", tensors);
  CHECK_THROWS_AS(nn::from_pretrained(folder.path()), FileError);
}

}  // namespace papilio::test
