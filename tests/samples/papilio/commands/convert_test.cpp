// papilio convert and merge.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/capture_bound.h"
#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::train_base;
using test::words;
using test::Workplace;

TEST_CASE("convert: boft, oft, compact, peft and merged; what cannot be said is refused") {
  const Workplace at;
  train_base(at);
  const std::string common = " --classes 2-4 --epochs 1 -t query";
  at.json(words("finetune base --method oft --cayley-neumann 0 -b 8 --out oft" + common));
  at.json(words("finetune base --method oft --cayley-neumann 5 --out series" + common));
  at.json(words("finetune base -b 4 -m 2 --out boft" + common));
  at.json(words("finetune base --method lora --out lora" + common));
  at.json(words("finetune base --method hra --out hra" + common));
  const auto loss = [&](const std::string& adapter) {
    return at.json(words("evaluate base --adapter " + adapter))["loss"].get<double>();
  };
  CHECK(at.json(words("convert oft --to boft --base base --out as_boft"))["peft_type"] == "BOFT");
  CHECK(loss("as_boft") == doctest::Approx(loss("oft")).epsilon(1e-6));
  at.json(words("convert as_boft --to oft --out again"));
  CHECK(at.bytes("again/adapter_model.safetensors") == at.bytes("oft/adapter_model.safetensors"));
  at.json(words("convert boft --to compact --out compact"));
  CHECK(loss("compact") == loss("boft"));
  CHECK(at.bytes("compact/adapter_model.compact.safetensors").size() <
        at.bytes("boft/adapter_model.safetensors").size());
  CHECK(at.json(words("inspect compact"))["layers"] == at.json(words("inspect boft"))["layers"]);
  at.json(words("convert compact --to peft --out peft"));
  CHECK(loss("peft") == loss("boft"));
  at.json(words("convert boft --to merged --base base --out merged"));
  CHECK(at.json(words("evaluate merged --classes 2-4"))["loss"].get<double>() ==
        doctest::Approx(loss("boft")).epsilon(1e-4));
  // Transformers 5's names and back.
  at.json(words("convert boft --to transformers5 --base base --out five"));
  CHECK(at.bytes("five/adapter_config.json").find("layers.0.attention.q_proj") !=
        std::string::npos);
  CHECK(loss("five") == loss("boft"));
  at.json(words("convert five --to transformers4 --base base --out four"));
  CHECK(at.bytes("four/adapter_model.safetensors") == at.bytes("boft/adapter_model.safetensors"));
  // Weights that are not finite are refused, never written.
  auto broken = load_safetensors(at / "boft" / "adapter_model.safetensors").tensors;
  for (auto& [key, tensor] : broken)
    if (key.ends_with("boft_s")) tensor = full(tensor.shape(), std::nan(""));
  save_safetensors(at / "peft" / "adapter_model.safetensors", broken);
  const auto refused_nan = at.run(words("convert peft --to merged --base base --out nan"));
  CHECK(refused_nan.code == 1);
  CHECK(refused_nan.err.find("NaNs detected in the merged weights") != std::string::npos);
  CHECK(!std::filesystem::exists(at / "nan" / "model.safetensors"));
  // Without --safe they are written, but into no good result's place.
  const std::string good = at.bytes("merged/model.safetensors");
  const auto kept = at.run(words("merge base peft --overwrite --quiet --out merged"));
  CHECK(kept.code == 1);
  CHECK(kept.err.find("gives no number for the test images; what is in merged stays as it is\n") !=
        std::string::npos);
  CHECK(at.bytes("merged/model.safetensors") == good);
  const auto series = at.json(words("inspect series"))["layers"][0];
  CHECK(series["block_size"] == 8);
  CHECK(series["parameters"] == series["degrees_of_freedom"]);
  for (const auto& [line, message] : std::vector<std::pair<std::string, std::string>>{
           {"convert oft --to boft --out x", "--to boft: needs the model that the adapter is for"},
           {"convert boft --to oft --out x", "has 2 butterfly factors; OFT has one"},
           {"convert series --to boft --base base --out x", "uses the Cayley-Neumann series"},
           {"convert oft --to compact --out x", "--to compact: a form of BOFT only; oft holds OFT"},
           {"convert lora --to boft --base base --out x",
            "an adapter of LORA cannot be written as BOFT"},
           {"convert lora --to oft --out x", "an adapter of LORA cannot be written as OFT"},
           {"convert hra --to boft --base base --out x",
            "an adapter of HRA cannot be written as BOFT"},
           {"convert hra --to oft --out x", "an adapter of HRA cannot be written as OFT"}}) {
    CAPTURE_BOUND(line);
    const auto refused = at.run(words(line));
    CHECK(refused.code == 2);
    CHECK(refused.err.find(message) != std::string::npos);
    CHECK(!std::filesystem::exists(at / "x"));
  }
}

TEST_CASE("convert: shapes that no layer has are refused, with the file and the tensor") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 2-4 --epochs 1 -t query -b 4 -m 2 --out boft"));
  auto flat = load_safetensors(at / "boft" / "adapter_model.safetensors").tensors;
  for (auto& [key, tensor] : flat)
    if (key.ends_with("boft_R")) tensor = zeros({tensor.numel()});
  std::filesystem::copy(at / "boft", at / "flat", std::filesystem::copy_options::recursive);
  save_safetensors(at / "flat" / "adapter_model.safetensors", flat);
  for (const char* form : {"peft", "compact", "oft"}) {
    const auto refused = at.run(words(std::string("convert flat --out x --to ") + form));
    CHECK(refused.code == 1);
    CHECK_MESSAGE(refused.err.find("papilio convert: flat: vit.encoder.layer.0.attention.attention."
                                   "query.boft_R: expected numbers of shape [m, N, b, b], got ") !=
                      std::string::npos,
                  refused.err);
    CHECK(!std::filesystem::exists(at / "x"));
  }
}

TEST_CASE("convert: a ViT to timm's form and back answers the same") {
  const Workplace at;
  train_base(at);
  const auto evaluated = [&](const std::string& folder) {
    return at.json(words("evaluate " + folder + " --classes 0-1"));
  };
  const auto before = evaluated("base");
  const auto to_timm = at.run(words("convert base --to timm --out timm"));
  CHECK(to_timm.code == 0);
  CHECK(to_timm.err.find("layer_norm_eps 1e-12 becomes 1e-06, which is timm's") !=
        std::string::npos);
  const auto config = nlohmann::json::parse(at.bytes("timm/config.json"));
  CHECK(config["architecture"].get<std::string>().starts_with("vit_"));
  CHECK(config["label_names"] == std::vector<std::string>{"0", "1"});
  CHECK(load_safetensors(at / "timm/model.safetensors").tensors.count("blocks.0.attn.qkv.weight"));
  CHECK(at.run(words("convert timm --to transformers --out back")).code == 0);
  for (const char* folder : {"timm", "back"}) {
    const auto after = evaluated(folder);
    CHECK(after["accuracy"] == before["accuracy"]);
    CHECK(after["loss"].get<double>() ==
          doctest::Approx(before["loss"].get<double>()).epsilon(1e-4));
    CHECK(after["classes"] == before["classes"]);
  }
  std::filesystem::remove(at / "timm/preprocessor_config.json");
  auto own = config;
  own["pretrained_cfg"] = {{"input_size", {1, 8, 8}}, {"mean", {0.5}}, {"std", {0.5}}};
  test::write_bytes(at / "timm/config.json", own.dump());
  const auto said = at.run(words("convert timm --to transformers --out cut"));
  CHECK(said.code == 0);
  CHECK_MESSAGE(
      said.err.find("Transformers cuts a middle one pixel beside timm's") != std::string::npos,
      said.err);
  const auto theirs = load_safetensors(at / "back/model.safetensors").tensors;
  for (const auto& [name, tensor] : load_safetensors(at / "base/model.safetensors").tensors) {
    CAPTURE_BOUND(name);
    CHECK(theirs.at(name).to_vector() == tensor.to_vector());
  }
  test::check_refused(at,
                      {{"convert timm --to timm --out x", 2, "--to timm: timm is timm's already"},
                       {"convert base --to transformers --out x", 2,
                        "--to transformers: base is no vision transformer of timm's"}});
  // What the answers mean goes with the weights.
  auto several = nlohmann::json::parse(at.bytes("base/config.json"));
  several["problem_type"] = "multi_label_classification";
  test::write_bytes(at / "base/config.json", several.dump());
  at.run(words("convert base --to timm --out timm2"));
  at.run(words("convert timm2 --to transformers --out back2"));
  for (const char* file : {"timm2/config.json", "back2/config.json"})
    CHECK(nlohmann::json::parse(at.bytes(file))["problem_type"] == "multi_label_classification");
}

TEST_CASE("adapters whose settings are out of range are named with their file") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 2-4 --epochs 1 -t query -b 4 -m 1 --out a"));
  auto config = nlohmann::json::parse(at.bytes("a/adapter_config.json"));
  config["boft_dropout"] = 7;
  test::write_bytes(at / "a/adapter_config.json", config.dump());
  for (const std::string line :
       {"predict base --adapter a --digit 0", "evaluate base --adapter a", "inspect a",
        "merge base a --out m", "convert a --to compact --out m",
        "inspect --would-adapt a/adapter_config.json base"}) {
    CAPTURE(line);
    const auto outcome = at.run(words(line));
    CHECK(outcome.code == 1);
    CHECK_MESSAGE(
        outcome.err.find(
            "a/adapter_config.json: BoftConfig: expected boft_dropout in [0, 1), got 7") !=
            std::string::npos,
        outcome.err);
  }
}
