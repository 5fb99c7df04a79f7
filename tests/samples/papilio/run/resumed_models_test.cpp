// Runs go on with the model that they began with: texts, quantised bases and pipelines.
#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tensor/error.h"
#include "tensor/files/safetensors.h"
#include "tests/nn/diffusion/drawn_pictures.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/paths.h"
#include "tests/samples/papilio/program.h"

namespace papilio::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

const fs::path kGolden = fs::path(source_root) / "tests/golden";

// Runs that were made by `at` and go on by `command`, if a file of theirs is another one.
struct Run {
  const Workplace& at;
  std::string command, name;

  Outcome resume() const {
    return at.run(words(command + " --config run/run.toml --resume --quiet"));
  }
  // It says "began with `then`" and "now it would be `now`", and changes nothing.
  void refuses(const std::string& file, const std::string& bytes, const std::string& then,
               const std::string& now) const {
    CAPTURE(file);
    const std::string before = at.bytes(file), result = at.bytes(name);
    write_bytes(at / file, bytes);
    const Outcome outcome = resume();
    write_bytes(at / file, before);
    CHECK(outcome.code == 2);
    CHECK_MESSAGE(outcome.err.find("--resume: the run began with " + then) != std::string::npos,
                  outcome.err);
    CHECK_MESSAGE(outcome.err.find(", now it would be " + now) != std::string::npos, outcome.err);
    CHECK(at.bytes(name) == result);
  }
  // With a field of a JSON file set to another value.
  void refuses_field(const std::string& file, const std::string& field, const json& value,
                     const std::string& key) const {
    json document = json::parse(at.bytes(file));
    const std::string then = document.at(field).dump();
    document[field] = value;
    refuses(file, document.dump(), key + " = " + then, key + " = " + value.dump() + '\n');
  }
  // With a pair less to join.
  void refuses_merges(const std::string& file) const {
    json tokenizer = json::parse(at.bytes(file));
    json& merges = tokenizer["model"]["merges"];
    const size_t pairs = merges.size();
    merges.erase(pairs - 1);
    refuses(file, tokenizer.dump(), str("tokenizer.merges = ", pairs, " pairs, checksum "),
            str("tokenizer.merges = ", pairs - 1, " pairs, checksum "));
  }
};

void write_text(const Workplace& at) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "The quick brown fox jumps over the lazy dog. ";
  write_bytes(at / "fox.txt", text);
}

const std::string kText =
    "finetune base --data fox.txt --sequence-length 32 --epochs 1 --batch-size 8 --method oft -b 4 "
    "--out run";

}  // namespace

TEST_CASE("a language model's run goes on with its configuration and its tokenizer") {
  const Workplace at;
  write_text(at);
  fs::copy(kGolden / "gpt2/gpt2", at / "base", fs::copy_options::recursive);
  at.json(words(kText));
  const Run run{at, "finetune", "run/adapter_model.safetensors"};
  run.refuses_field("base/config.json", "layer_norm_epsilon", 1e-4, "model.layer_norm_epsilon");
  run.refuses_field("base/config.json", "activation_function", "relu", "model.activation_function");
  run.refuses_merges("base/tokenizer.json");
  CHECK(run.resume().code == 0);
}

TEST_CASE("a quantised base's run goes on with the same codes") {
  const Workplace at;
  write_text(at);
  at.json(words("convert " + (kGolden / "gpt2/gpt2").string() + " --to nf4 --out base"));
  at.json(words(kText));
  const Run run{at, "finetune", "run/adapter_model.safetensors"};
  SafetensorsFile file = load_safetensors(at / "base/model.safetensors");
  int changed = 0;
  for (const auto& [key, tensor] : file.tensors) {
    if (tensor.dtype() != DType::uint8 || !key.ends_with("c_attn.weight") || changed++ > 0)
      continue;
    auto* const codes = static_cast<unsigned char*>(const_cast<void*>(tensor.raw_data()));
    codes[0] = static_cast<unsigned char>(codes[0] ^ 1);
  }
  REQUIRE(changed > 0);
  save_safetensors(at / "other.safetensors", file.tensors, file.metadata);
  const std::string says = "model.quantised = 8 layers, nf4, checksum ";
  run.refuses("base/model.safetensors", at.bytes("other.safetensors"), says, says);
  CHECK(run.resume().code == 0);
}

TEST_CASE("a pipeline's run goes on with its parts, its schedule and its tokenizer") {
  const Workplace at;
  fs::copy(golden_diffusion("sd15"), at / "sd", fs::copy_options::recursive);
  write_captioned(at / "own", 3, 16);
  fs::remove(at / "own/metadata.jsonl");
  at.json(
      words("dreambooth sd --instance-data-dir own --instance-prompt square --method lora -r 2 "
            "--max-train-steps 2 --out run"));
  const Run run{at, "dreambooth", "run/unet/adapter_model.safetensors"};
  run.refuses_field("sd/scheduler/scheduler_config.json", "beta_end", 0.5, "scheduler.beta_end");
  run.refuses_field("sd/vae/config.json", "scaling_factor", 0.5, "vae.scaling_factor");
  run.refuses_field("sd/text_encoder/config.json", "layer_norm_eps", 0.5,
                    "text_encoder.layer_norm_eps");
  run.refuses_field("sd/unet/config.json", "norm_eps", 0.5, "unet.norm_eps");
  run.refuses_merges("sd/tokenizer/tokenizer.json");
  CHECK(run.resume().code == 0);
}

}  // namespace papilio::test
