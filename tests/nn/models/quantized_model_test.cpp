// Quantised models: layers that keep bitsandbytes' codes; what is written and merged.
#include "nn/models/quantized_model.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/model/model.h"
#include "nn/layers/linear.h"
#include "nn/models/pretrained.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/safetensors.h"
#include "tests/capture_bound.h"
#include "tests/compare.h"
#include "tests/nn/models/golden_models.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

fs::path golden(const std::string& name) {
  return fs::path(source_root) / "tests/golden/quantized" / name;
}

template <class T>
std::vector<T> bits(const Tensor& x) {
  return x.to_vector<T>();
}

using Forward = std::function<Tensor(const Tensor&)>;

// The model of a folder, of either kind.
struct Loaded {
  std::unique_ptr<nn::PretrainedModel> model;
  Forward forward;
  std::vector<std::string> class_names, warnings;
  bool text = false;
};
Loaded load(const fs::path& folder) {
  Loaded loaded;
  loaded.text = nn::kind_of(folder / "config.json") == nn::ModelKind::language_model;
  if (loaded.text) {
    nn::PretrainedLanguageModel p = nn::language_model_from_pretrained(folder);
    loaded.warnings = p.warnings;
    loaded.forward = [model = p.model.get()](const Tensor& x) { return (*model)(x); };
    loaded.model = std::move(p.model);
  } else {
    nn::PretrainedClassifier p = nn::from_pretrained(folder);
    loaded.warnings = p.warnings, loaded.class_names = p.class_names;
    loaded.forward = [model = p.model.get()](const Tensor& x) { return (*model)(x); };
    loaded.model = std::move(p.model);
  }
  nn::eval(*loaded.model);
  return loaded;
}
void save(Loaded& loaded, const fs::path& folder) {
  if (loaded.text)
    nn::save_pretrained(dynamic_cast<nn::LanguageModel&>(*loaded.model), folder);
  else
    nn::save_pretrained(dynamic_cast<nn::ImageClassifier&>(*loaded.model), loaded.class_names,
                        folder);
}

const std::vector<std::string> kFolders = {"gpt2_nf4_double", "vit_int8", "dinov2_fp4"};

std::map<std::string, Tensor> answers_of(const std::string& name) {
  return load_safetensors(golden(name) / "answers.safetensors").tensors;
}
Tensor inputs_of(const std::map<std::string, Tensor>& answers) {
  return answers.at(answers.contains("ids") ? "ids" : "images");
}

}  // namespace

TEST_CASE("quantised models of Transformers answer as there, and are written back as they are") {
  const NoGrad no_grad;
  for (const std::string& name : kFolders) {
    CAPTURE(std::string(name));
    Loaded loaded = load(golden(name));
    CHECK(loaded.warnings.empty());
    CHECK(nn::is_quantized(*loaded.model));
    const auto answers = answers_of(name);
    CHECK(largest_difference(loaded.forward(inputs_of(answers)), answers.at("logits")) < 2e-5);
    // Codes count as the numbers that they stand for.
    const nn::PretrainedModel& model = *loaded.model;
    CHECK(nn::count_parameters(*loaded.model).all ==
          nn::count_parameters(*nn::model_from_config(golden(name) / "config.json")).all);
    const TemporaryFolder folder;
    save(loaded, folder / "saved");
    const SafetensorsReader was(golden(name) / "model.safetensors"),
        is(folder / "saved/model.safetensors");
    for (const auto& [key, entry] : was.entries()) {
      CAPTURE_BOUND(key);
      REQUIRE(is.entries().contains(key));
      CHECK(is.entries().at(key).type->name == entry.type->name);
      if (entry.type->name == "I8")
        CHECK(bits<uint8_t>(is.bytes(key)) == bits<uint8_t>(was.bytes(key)));
      else
        CHECK(is.tensor(key).to_vector<double>() == was.tensor(key).to_vector<double>());
    }
    CHECK(model.other_config.contains("quantization_config"));
    const Loaded again = load(folder / "saved");
    CHECK(bits<float>(again.forward(inputs_of(answers))) ==
          bits<float>(loaded.forward(inputs_of(answers))));
  }
}

TEST_CASE("adapters train on a quantised base, merge into it and say what that costs") {
  for (const std::string& name : kFolders) {
    for (const bool boft : {true, false}) {
      CAPTURE(std::string(name));
      CAPTURE(boft);
      Loaded loaded = load(golden(name));
      const Tensor x = inputs_of(answers_of(name));
      boft::AdapterModel adapters(*loaded.model);
      const std::vector<std::string> targets =
          loaded.text ? std::vector<std::string>{"c_attn", "c_proj", "c_fc"}
                      : std::vector<std::string>{"query", "dense", "fc1"};
      boft::AdapterConfig config;
      if (boft)
        config = boft::BoftConfig{.boft_block_size = 4, .boft_n_butterfly_factor = 2};
      else
        config = boft::LoraConfig{.r = 2};
      std::visit(
          [&](auto& c) {
            c.target_modules = targets;
            if constexpr (requires { c.init_weights; }) c.init_weights = false;
            if constexpr (requires { c.init_lora_weights; }) c.init_lora_weights = false;
          },
          config);
      adapters.add_adapter("default", config);
      backward(sum(loaded.forward(x) * loaded.forward(x)));
      for (const Tensor& p : nn::trainable_parameters(*loaded.model))
        CHECK(max(abs(grad(p))).item() > 0);
      const NoGrad no_grad;
      const Tensor before = loaded.forward(x);
      Tensor base;
      {
        const auto off = adapters.disable();
        base = loaded.forward(x);
      }
      CHECK(largest_difference(base, answers_of(name).at("logits")) < 2e-5);
      const double changed = largest_difference(base, before);
      CHECK(changed > 1e-3);
      adapters.merge();
      CHECK(adapters.merge_errors().size() == adapters.layers("default").size());
      for (const boft::MergeError& e : adapters.merge_errors()) {
        CHECK(e.error > 0);
        CHECK(e.error < (name == "vit_int8" ? 0.02 : 0.25));
      }
      CHECK(nn::is_quantized(*loaded.model));
      CHECK(largest_difference(loaded.forward(x), before) > 0);
      adapters.unmerge();
      CHECK(bits<float>(loaded.forward(x)) == bits<float>(before));
      adapters.merge_and_unload();
      CHECK(nn::is_quantized(*loaded.model));
    }
  }
}

TEST_CASE("quantize_layers: a model in a quarter of its memory, which says so in config.json") {
  const fs::path gpt2 = fs::path(source_root) / "tests/golden/gpt2/gpt2";
  for (const Quantization kind : {Quantization::nf4, Quantization::fp4, Quantization::int8}) {
    CAPTURE(std::string(name_of(kind)));
    Loaded loaded = load(gpt2);
    const nn::QuantizationResult result = nn::quantize_layers(*loaded.model, kind);
    CHECK(result.layers == 8);
    CHECK(result.largest_error >= result.error);
    CHECK(result.error > 0);
    CHECK(double(result.bytes) / double(4 * result.numbers) <
          (kind == Quantization::int8 ? 0.32 : 0.17));
    CHECK_THROWS_WITH_AS(nn::quantize_layers(*loaded.model, kind),
                         "quantize_layers: the model is quantised already", ArgumentError);
    const TemporaryFolder folder;
    save(loaded, folder / "q");
    const Loaded again = load(folder / "q");
    CHECK(again.warnings.empty());
    const NoGrad no_grad;
    const Tensor ids = tensor<int64_t>({1, 2, 3}, {1, 3});
    CHECK(bits<float>(again.forward(ids)) == bits<float>(loaded.forward(ids)));
    const auto config = nlohmann::json::parse(read_bytes(folder / "q/config.json"));
    CHECK(config["quantization_config"]["quant_method"] == "bitsandbytes");
  }
}

TEST_CASE("quantization_config says what the codes are, whatever it said before") {
  const fs::path gpt2 = fs::path(source_root) / "tests/golden/gpt2/gpt2";
  const TemporaryFolder folder;
  // A model with another quantization_config.
  const auto claiming = [&](const fs::path& model, const nlohmann::json& claim) {
    const fs::path to = folder / "claiming";
    fs::remove_all(to);
    fs::copy(model, to);
    auto config = nlohmann::json::parse(read_bytes(to / "config.json"));
    config["quantization_config"] = claim;
    write_file_atomically(to / "config.json", config.dump());
    return to;
  };
  const auto saved = [&](Loaded& loaded) {
    const TemporaryFolder to;
    save(loaded, to / "saved");
    return nlohmann::json::parse(read_bytes(to / "saved/config.json"))["quantization_config"];
  };
  const auto nf4 = nlohmann::json::parse(
      R"({"load_in_4bit": true, "load_in_8bit": false, "_load_in_4bit": true,
          "_load_in_8bit": false, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": true,
          "llm_int8_skip_modules": ["transformer.h.0.mlp.c_fc"]})");
  const nlohmann::json int8{{"load_in_8bit", true}, {"bnb_4bit_use_double_quant", false}};
  // Weights that are numbers: what was said of codes says nothing of those to come.
  for (const Quantization kind : {Quantization::int8, Quantization::fp4}) {
    Loaded numbers = load(claiming(gpt2, nf4));
    CHECK(numbers.warnings.size() == 1);
    nn::quantize_layers(*numbers.model, kind);
    const nlohmann::json config = saved(numbers);
    const bool eight = kind == Quantization::int8;
    CHECK(config["load_in_8bit"] == eight);
    CHECK(config["_load_in_8bit"] == eight);
    CHECK(config["load_in_4bit"] == !eight);
    CHECK(config["_load_in_4bit"] == !eight);
    CHECK(config["bnb_4bit_quant_type"] == "fp4");
    CHECK(config["bnb_4bit_use_double_quant"] == false);
    CHECK(config["llm_int8_skip_modules"].dump().find("c_fc") == std::string::npos);
  }
  // Codes of another kind than was said.
  Loaded codes = load(claiming(golden("gpt2_nf4_double"), int8));
  const nlohmann::json config = saved(codes);
  CHECK(config["load_in_4bit"] == true);
  CHECK(config["load_in_8bit"] == false);
  CHECK(config["bnb_4bit_quant_type"] == "nf4");
  CHECK(config["bnb_4bit_use_double_quant"] == true);
  const fs::path word = claiming(gpt2, {{"llm_int8_skip_modules", "lm_head"}});
  const std::string says = "quantization_config: llm_int8_skip_modules: expected a list of strings";
  CHECK_THROWS_WITH_AS(
      load(word), str((word / "config.json").string(), ": ", says, ", got \"lm_head\"").c_str(),
      FileError);
}

TEST_CASE("quantised files: what does not fit is named with its file and place") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& model, const std::string& name, const Tensor& tensor,
                           const std::string& message, const std::string& place = "") {
    const fs::path to = folder / model;
    fs::create_directory(to);
    fs::copy(golden(model) / "config.json", to, fs::copy_options::overwrite_existing);
    const SafetensorsReader good(golden(model) / "model.safetensors");
    std::map<std::string, Tensor> tensors;
    std::set<std::string> signed_bytes;
    for (const auto& [key, entry] : good.entries()) {
      tensors[key] = entry.type->dtype ? good.tensor(key) : good.bytes(key);
      if (!entry.type->dtype) signed_bytes.insert(key);
    }
    if (tensor)
      tensors[name] = tensor;
    else
      tensors.erase(name);
    save_safetensors(to / "model.safetensors", tensors, {{"format", "pt"}}, signed_bytes);
    CHECK_THROWS_WITH_AS(load(to),
                         ((to / "model.safetensors").string() + ": " +
                          (place.empty() ? name : place) + ": " + message)
                             .c_str(),
                         FileError);
  };
  const auto text = [](const std::string& json) {
    return tensor<uint8_t>(std::vector<uint8_t>(json.begin(), json.end()));
  };
  const auto bytes = [](int64_t n) { return zeros({n, 1}, {.dtype = DType::uint8}); };
  const std::string four = "dinov2_fp4", eight = "vit_int8",
                    layer = "dinov2.encoder.layer.0.mlp.fc1.weight",
                    state = layer + ".quant_state.bitsandbytes__fp4",
                    row = "vit.encoder.layer.0.attention.attention.query.";
  refused(four, layer + ".absmax", ones({3}), "expected 8 of float32, got 3 of float32");
  refused(four, layer + ".absmax", {}, "is missing");
  refused(four, layer + ".quant_map", {}, "is missing");
  refused(four, layer + ".quant_map", ones({15}), "expected 16 of float32, got 15 of float32");
  refused(four, layer, bytes(7), "expected 256 of uint8, got 7 of uint8");
  refused(four, layer, {}, "is missing");
  refused(four, state, {}, "is missing", layer + ".quant_state.bitsandbytes__nf4 (or __fp4)");
  refused(four, "dinov2.layernorm.weight", bytes(7),
          "is quantised, which is read of linear layers, not of LayerNorm(16)");
  const auto wrong_state = [&](const std::string& json, const std::string& message) {
    refused(four, state, text(json), message);
  };
  wrong_state(R"({"quant_type": "fp4", "blocksize": 64, "shape": [16, 32]})",
              "shape: expected the layer's (32, 16), got (16, 32)");
  wrong_state(R"({"quant_type": "nf4", "blocksize": 64, "shape": [32, 16]})",
              "quant_type: expected fp4, got \"nf4\"");
  wrong_state(R"({"quant_type": "fp4", "blocksize": 48, "shape": [32, 16]})",
              "blocksize: expected a power of two, got 48");
  wrong_state(R"({"quant_type": "fp4", "blocksize": 64, "dtype": "int8", "shape": [32, 16]})",
              "dtype: expected float32, float16 or bfloat16, got \"int8\"");
  // A block size that its scales do not have.
  refused(four, state, text(R"({"quant_type": "fp4", "blocksize": 128, "shape": [32, 16]})"),
          "expected 4 of float32, got 8 of float32", layer + ".absmax");
  refused(eight, row + "SCB", ones({3}), "expected 16 of float32, got 3 of float32");
  wrong_state(R"({"quant_type": "fp4", "shape": [32, 16]})", "has no blocksize");
  // Scales that are quantised too have no usual block size and no usual offset.
  const std::string nested = "gpt2_nf4_double",
                    nested_state =
                        "transformer.h.0.attn.c_attn.weight.quant_state.bitsandbytes__nf4";
  const auto state_bytes = SafetensorsReader(golden(nested) / "model.safetensors")
                               .tensor(nested_state)
                               .to_vector<uint8_t>();
  for (const std::string key : {"nested_blocksize", "nested_offset"}) {
    for (const bool null : {false, true}) {
      auto json = nlohmann::json::parse(state_bytes.begin(), state_bytes.end());
      json[key] = nullptr;
      if (!null) json.erase(key);
      refused(nested, nested_state, text(json.dump()),
              "has no " + key + ", without which weight.nested_absmax says nothing");
    }
  }
}

TEST_CASE("quantised files: a kind of codes that is not known is named") {
  const TemporaryFolder folder;
  fs::copy(golden("dinov2_fp4"), folder / "m");
  auto tensors = load_safetensors(golden("dinov2_fp4") / "model.safetensors").tensors;
  const std::string layer = "dinov2.encoder.layer.0.mlp.fc1.weight";
  auto node = tensors.extract(layer + ".quant_state.bitsandbytes__fp4");
  node.key() = layer + ".quant_state.bitsandbytes__af4";
  tensors.insert(std::move(node));
  save_safetensors(folder / "m/model.safetensors", tensors, {{"format", "pt"}});
  CHECK_THROWS_WITH_AS(load(folder / "m"),
                       ((folder / "m/model.safetensors").string() + ": " + layer +
                        ".quant_state.bitsandbytes__af4: expected quant_state.bitsandbytes__nf4 or "
                        "__fp4")
                           .c_str(),
                       FileError);
}

}  // namespace papilio::test
