#include "nn/models/gpt2.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/shape.h"
#include "boft/files/checkpoint.h"
#include "boft/model/model.h"
#include "nn/models/pretrained.h"
#include "nn/text/generate.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/capture_bound.h"
#include "tests/nn/models/golden_models.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

fs::path golden(const std::string& name) {
  return fs::path(source_root) / "tests/golden/gpt2" / name;
}

std::map<std::string, Tensor> answers_of(const std::string& name) {
  return load_safetensors(golden(name) / "answers.safetensors").tensors;
}

// Transformers' loss: each token's logits against the token behind it.
Tensor loss_of(nn::LanguageModel& model, const Tensor& ids) {
  const int64_t T = ids.size(1);
  const Tensor logits = slice(model(ids), 1, 0, T - 1);
  return cross_entropy(flatten(logits, 0, 1), flatten(slice(ids, 1, 1, T), 0, 1));
}

void expect_logits(const std::string& name, double tolerance) {
  CAPTURE(std::string(name));
  const NoGrad no_grad;
  const nn::PretrainedLanguageModel loaded = nn::language_model_from_pretrained(golden(name));
  CHECK(loaded.warnings.empty());
  nn::eval(*loaded.model);
  const auto answers = answers_of(name);
  CHECK(largest_difference((*loaded.model)(answers.at("ids")),
                           copy_of(answers.at("logits"), DType::float32)) < tolerance);
}

// Every gradient that the answers have, in the worst of them.
template <class Named>
void expect_gradients(const std::map<std::string, Tensor>& answers, const Named& parameters,
                      const std::string& prefix, double tolerance) {
  size_t seen = 0;
  for (const auto& [name, tensor] : parameters) {
    const auto want = answers.find("grad." + prefix + name);
    if (want == answers.end()) continue;
    CAPTURE_BOUND(name);
    CHECK(largest_difference(grad(*tensor), want->second) < tolerance);
    ++seen;
  }
  size_t wanted = 0;
  for (const auto& [name, tensor] : answers) wanted += name.starts_with("grad.");
  CHECK(seen == wanted);
}

// What trains, under PEFT's names.
std::map<std::string, Tensor*> peft_names(nn::Module& model) {
  std::map<std::string, Tensor*> names;
  for (const auto& [name, tensor] : nn::named_parameters(model)) {
    if (!tensor->requires_grad()) continue;
    std::string peft = name;
    const std::string inside = ".adapters.default";
    if (const size_t at = peft.find(inside); at != peft.npos)
      peft.erase(at, inside.size()) +=
          name.ends_with("boft_R") || name.ends_with("boft_s") ? "" : ".weight";
    else if (const size_t bias = peft.rfind(".bias"); bias != peft.npos)
      peft.insert(bias, ".base_layer");
    names[peft] = tensor;
  }
  return names;
}

std::vector<int64_t> prompt_of(const std::map<std::string, Tensor>& answers) {
  return slice(select(answers.at("ids"), 0, 0), 0, 0, 8).to_vector<int64_t>();
}

}  // namespace

TEST_CASE("GPT-2: Transformers' logits, of its folders and of older files") {
  expect_logits("gpt2", 2e-5);
  expect_logits("original", 2e-5);  // no prefix, masks among the weights, float16, two files
  expect_logits("changed", 2e-5);   // untied, scores by the layer's number, relu, n_inner
  expect_logits("unscaled", 0.15);  // bfloat16 answers of bfloat16 weights, logits to 10
}

TEST_CASE("GPT-2: Transformers' loss and gradient of every parameter, the tied weight's once") {
  for (const char* name : {"gpt2", "changed"}) {
    CAPTURE(std::string(name));
    const nn::PretrainedLanguageModel loaded = nn::language_model_from_pretrained(golden(name));
    nn::eval(*loaded.model);
    const auto answers = answers_of(name);
    const Tensor loss = loss_of(*loaded.model, answers.at("ids"));
    CHECK(loss.item() == doctest::Approx(answers.at("loss").item()).epsilon(1e-5));
    backward(loss);
    expect_gradients(answers, nn::named_parameters(*loaded.model), "", 2e-5);
  }
}

TEST_CASE("GPT-2: 50 tokens as Transformers goes on, with the cache and without") {
  const nn::PretrainedLanguageModel loaded = nn::language_model_from_pretrained(golden("gpt2"));
  const auto answers = answers_of("gpt2");
  const std::vector<int64_t> prompt = prompt_of(answers);
  for (const bool cache : {true, false}) {
    nn::GenerationOptions options{.temperature = 0, .use_cache = cache};
    CHECK(nn::generate(*loaded.model, prompt, options).ids ==
          answers.at("greedy").to_vector<int64_t>());
    options.repetition_penalty = 1.3;
    CHECK(nn::generate(*loaded.model, prompt, options).ids ==
          answers.at("penalised").to_vector<int64_t>());
  }
}

TEST_CASE("GPT-2: tokens in pieces of any size through the cache answer as all at once") {
  const NoGrad no_grad;
  const nn::PretrainedLanguageModel loaded = nn::language_model_from_pretrained(golden("gpt2"));
  nn::eval(*loaded.model);
  const Tensor ids = answers_of("gpt2").at("ids"), whole = (*loaded.model)(ids);
  nn::KvCache cache(20);
  for (int64_t at = 0, size = 1; at < 20; at += size, size = 2 * size + 1) {
    const int64_t end = std::min<int64_t>(20, at + size);
    const Tensor part = loaded.model->logits(loaded.model->hidden(slice(ids, 1, at, end), &cache));
    CHECK(largest_difference(part, slice(whole, 1, at, end)) < 2e-5);
    CHECK(cache.length() == end);
  }
  CHECK_THROWS_WITH_AS(loaded.model->hidden(slice(ids, 1, 0, 1), &cache),
                       "KvCache: 21 tokens in a cache for 20", ArgumentError);
}

TEST_CASE("GPT-2: saved and read again it is the same, and its head is there once if tied") {
  for (const char* name : {"gpt2", "original", "changed"}) {
    CAPTURE(std::string(name));
    const TemporaryFolder folder;
    const nn::PretrainedLanguageModel loaded = nn::language_model_from_pretrained(golden(name));
    nn::save_pretrained(*loaded.model, folder.path());
    const nn::PretrainedLanguageModel again = nn::language_model_from_pretrained(folder.path());
    CHECK(again.warnings.empty());
    const NoGrad no_grad;
    nn::eval(*loaded.model), nn::eval(*again.model);
    const Tensor ids = answers_of(name).at("ids");
    CHECK(largest_difference((*loaded.model)(ids), (*again.model)(ids)) == 0);
    const auto written = load_safetensors(folder / "model.safetensors").tensors;
    CHECK(written.contains("lm_head.weight") == (std::string(name) == "changed"));
    CHECK(written.contains("transformer.wte.weight"));
  }
  nn::GPT2LMHeadModel counted(
      {.vocab_size = 10, .n_positions = 4, .n_embd = 4, .n_layer = 1, .n_head = 2});
  CHECK(nn::count_parameters(counted).all ==
        10 * 4 + 4 * 4 + 8 + 8 + 8 + 4 * 12 + 12 + 16 + 4 + 4 * 16 + 16 + 16 * 4 + 4);
}

TEST_CASE(
    "GPT-2: LoRA of PEFT's on Conv1D; its BOFT and OFT on equal Linear layers; both ways back") {
  for (const char* name : {"lora", "boft", "oft"}) {
    CAPTURE(std::string(name));
    const TemporaryFolder folder;
    const auto answers = answers_of(name);
    const nn::PretrainedLanguageModel loaded = nn::language_model_from_pretrained(golden("gpt2"));
    boft::AdapterModel adapters(*loaded.model);
    const std::vector<std::string> warnings = boft::load_adapter(adapters, golden(name));
    if (std::string(name) == "lora") {
      CHECK(warnings.empty());
    } else {
      REQUIRE(warnings.size() == 1);  // PEFT's file speaks of Linear
      CHECK(warnings[0] ==
            "fan_in_fan_out is false, but transformer.h.0.attn.c_attn is a Conv1D(16 -> 48), whose "
            "weight is stored (in, out); it is read as it is stored");
    }
    CHECK(adapters.layers("default").size() == 8);
    nn::eval(*loaded.model);
    CHECK(largest_difference((*loaded.model)(answers.at("ids")), answers.at("logits")) < 5e-5);
    boft::save_adapter(adapters, folder.path());
    const auto theirs = load_safetensors(golden(name) / "adapter_model.safetensors").tensors,
               ours = load_safetensors(folder / "adapter_model.safetensors").tensors;
    CHECK(ours.size() == theirs.size());
    for (const auto& [key, tensor] : theirs) {
      CAPTURE_BOUND(key);
      REQUIRE(ours.contains(key));
      CHECK(largest_difference(ours.at(key), tensor) == 0);
    }
    backward(loss_of(*loaded.model, answers.at("ids")));
    expect_gradients(answers, peft_names(*loaded.model), "base_model.model.", 1e-4);
    const NoGrad no_grad;
    adapters.merge_and_unload();
    CHECK(largest_difference((*loaded.model)(answers.at("ids")), answers.at("merged_logits")) <
          5e-5);
  }
}

TEST_CASE("GPT-2: what it refuses, by name") {
  const nn::GPT2Config tiny{
      .vocab_size = 10, .n_positions = 4, .n_embd = 4, .n_layer = 1, .n_head = 2};
  nn::GPT2LMHeadModel model(tiny);
  CHECK_THROWS_WITH_AS(model(zeros({1, 5}, {.dtype = DType::int64})),
                       "GPT2Model: expected at most 4 tokens (n_positions), got 5", ArgumentError);
  CHECK_THROWS_AS(model(full({1, 2}, 10, {.dtype = DType::int64})), ArgumentError);
  boft::AdapterModel adapters(model);
  boft::OftConfig config;
  config.target_modules = std::vector<std::string>{"wte"};
  CHECK_THROWS_WITH_AS(adapters.add_adapter("a", config),
                       "target_modules: transformer.wte: its weight is the head's too "
                       "(tie_word_embeddings): one would change without the other",
                       ArgumentError);
  config.target_modules = std::vector<std::string>{"c_attn"};
  config.modules_to_save = {"wte"};
  CHECK_THROWS_WITH_AS(adapters.add_adapter("a", config),
                       "modules_to_save: transformer.wte: its weight is the head's too "
                       "(tie_word_embeddings): one would change without the other",
                       ArgumentError);
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& fields, const std::string& message) {
    write_bytes(folder / "config.json", "{\"model_type\": \"gpt2\", " + fields + "}");
    CHECK_THROWS_WITH_AS(nn::language_model_from_config(folder / "config.json"),
                         ((folder / "config.json").string() + ": " + message).c_str(), FileError);
  };
  refused("\"add_cross_attention\": true", "add_cross_attention: expected false, got true");
  refused("\"n_embd\": 10, \"n_head\": 3, \"vocab_size\": 2",
          "GPT2Config: n_embd 10 is not a multiple of n_head 3");
  refused("\"activation_function\": \"mish\", \"n_embd\": 12, \"vocab_size\": 2, \"n_layer\": 1",
          "hidden_act: expected one of gelu, gelu_python, gelu_new, gelu_pytorch_tanh, gelu_fast, "
          "quick_gelu, relu, silu, swish, got mish");
  CHECK(nn::kind_of(golden("gpt2") / "config.json") == nn::ModelKind::language_model);
  CHECK_THROWS_WITH_AS(nn::from_config(golden("gpt2") / "config.json"),
                       ((golden("gpt2") / "config.json").string() +
                        ": model_type: expected that of an image classifier, got \"gpt2\"")
                           .c_str(),
                       FileError);
}

}  // namespace papilio::test
