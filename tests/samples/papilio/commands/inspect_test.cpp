// papilio inspect, and what is said of adapters that are not what they should be.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::train_base;
using test::words;
using test::Workplace;

TEST_CASE("inspect --would-adapt: every layer that does not fit, with what would") {
  const Workplace at;
  train_base(at);
  test::write_bytes(at / "c.json", R"({"peft_type": "BOFT", "boft_block_size": 12,
                                       "target_modules": ["query", "output.dense"]})");
  const auto result = at.run(words("inspect --would-adapt c.json base --json"));
  CHECK(result.code == 1);
  const auto report = nlohmann::json::parse(result.out);
  CHECK(report["fits"] == false);
  REQUIRE(report["layers"].size() >= 3);
  for (const auto& layer : report["layers"]) {
    CHECK(layer["problem"].get<std::string>().find("nearest valid boft_block_size: ") !=
          std::string::npos);
    CHECK(layer["shape"].size() == 2);
  }
  test::write_bytes(at / "c.json",
                    R"({"peft_type": "OFT", "oft_block_size": 12, "peft_version": "0.18.0",
                                       "target_modules": ["query"]})");
  const auto oft = at.json(words("inspect --would-adapt c.json base"));
  CHECK(oft["fits"] == true);
  CHECK(oft["notes"][0].get<std::string>().find("adjusted to ") != std::string::npos);
}

TEST_CASE(
    "OFT is exact unless a series is asked for, and a series that left the rotations is said") {
  const Workplace at;
  train_base(at);
  const std::string common = "finetune base --classes 2-4 --epochs 2 --method oft -t query --out ";
  const auto exact = at.run(words(common + "exact --lr 0.2"));
  CHECK(exact.code == 0);
  CHECK(exact.err.find("has left the rotations") == std::string::npos);
  const auto inspected = at.json(words("inspect exact"));
  CHECK(inspected["config"]["use_cayley_neumann"] == false);
  CHECK(inspected["layers"][0]["orthogonality_error"] < 1e-5);
  CHECK(inspected["notes"].empty());

  const auto series = at.run(words(common + "series --lr 0.2 --cayley-neumann 5"));
  CHECK(series.code == 0);
  const std::string says =
      "the Cayley-Neumann series of 5 terms has left the rotations: max |QQ' - I| = ";
  CHECK_MESSAGE(series.err.find("attention.query: " + says) != std::string::npos, series.err);
  const auto left = at.json(words("inspect series"));
  CHECK(left["config"]["use_cayley_neumann"] == true);
  CHECK(left["layers"][0]["orthogonality_error"] > 1e-3);
  REQUIRE(left["notes"].size() == 1);
  CHECK(left["notes"][0].get<std::string>().starts_with(says));

  const auto one = at.run(words(common + "one --cayley-neumann 1"));
  CHECK(one.err.find("the series ends at I, which no parameter changes") != std::string::npos);
}

TEST_CASE("inspect: models, adapters, files, and what a configuration would adapt") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 2-4 --epochs 1 -b 4 -m 2 -t query --out a"));
  at.json(words("finetune base --classes 2-4 --epochs 1 --method lora -r 2 -t query --out l"));
  at.json(words("finetune base --classes 2-4 --epochs 1 --method hra -r 4 -t query --out h"));
  const auto model = at.json(words("inspect base --json=false --json"));
  CHECK(model["kind"] == "model");
  CHECK(model["classes"] == std::vector<std::string>{"0", "1"});
  const auto adapter = at.json(words("inspect a"));
  CHECK(adapter["kind"] == "adapter");
  REQUIRE(adapter["layers"].size() == 1);
  const auto& layer = adapter["layers"][0];
  CHECK(layer["path"] == "vit.encoder.layer.0.attention.attention.query");
  CHECK(layer["block_size"] == 4);
  CHECK(layer["block_num"] == 4);
  CHECK(layer["factors"] == 2);
  CHECK(layer["parameters"] == 2 * 4 * 16 + 16);
  CHECK(layer["degrees_of_freedom"] == 2 * 4 * 6 + 16);
  CHECK(layer["orthogonality_error"] < 1e-5);
  CHECK(layer["largest_angle_degrees"] > 0);
  const auto lora = at.json(words("inspect l"));
  CHECK(lora["layers"][0]["r"] == 2);
  CHECK(lora["parameters"] == 64);
  CHECK(lora["degrees_of_freedom"] == 2 * (16 + 16 - 2));
  const auto would_lora = at.json(words("inspect --would-adapt l/adapter_config.json base"));
  CHECK(would_lora["layers"][0]["degrees_of_freedom"] == 2 * (16 + 16 - 2));
  const auto hra = at.json(words("inspect h"));
  CHECK(hra["config"]["peft_type"] == "HRA");
  CHECK(hra["layers"][0]["r"] == 4);
  CHECK(hra["layers"][0]["in"] == 16);
  CHECK(hra["parameters"] == 64);
  CHECK(hra["degrees_of_freedom"] == 4 * 16 - 10);
  const auto would_hra = at.json(words("inspect --would-adapt h/adapter_config.json base"));
  CHECK(would_hra["layers"][0]["r"] == 4);
  CHECK(would_hra["layers"][0]["degrees_of_freedom"] == 4 * 16 - 10);
  const auto file = at.json(words("inspect a/adapter_model.safetensors"));
  CHECK(file["kind"] == "safetensors");
  CHECK(file["metadata"]["format"] == "pt");
  CHECK(file["tensors"].size() == 4);
  const auto would = at.json(words("inspect --would-adapt a/adapter_config.json base"));
  CHECK(would["layers"][0]["parameters"] == layer["parameters"]);
  CHECK(would["trained_in_full"].size() == 2);
  for (const char* path : {"base", "a", "l", "h", "a/adapter_model.safetensors"})
    CHECK(at.run({"inspect", path}).code == 0);
  // Every field that is said, whichever the method.
  const std::string says = at.run({"inspect", "h"}).out;
  for (const char* line : {"\nr: 4\napply_GS: false\ninit_weights: true\n", "\nbias: \"none\"\n"})
    CHECK_MESSAGE(says.find(line) != std::string::npos, says);
  CHECK(says.find("base_model_name_or_path") == std::string::npos);
  test::write_bytes(at / "odd.json",
                    R"({"peft_type": "HRA", "r": 3, "target_modules": ["query"]})");
  const auto odd = at.json(words("inspect --would-adapt odd.json base"));
  CHECK(odd["notes"][0].get<std::string>().starts_with("r = 3 is odd"));
}

TEST_CASE(
    "an adapter whose numbers, names or head are not what they should be: a warning says so") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 5-6 --epochs 1 -b 4 -m 2 -t query --out a"));
  const auto says = [&](const std::string& line) {
    const auto outcome = at.run(words(line));
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    return outcome.err;
  };
  CHECK(says("evaluate base --adapter a").find("warning") == std::string::npos);
  // As many classes as the base has, and nothing that names them.
  std::filesystem::remove(at / "a/id2label.json");
  CHECK(says("evaluate base --adapter a") ==
        "papilio evaluate: warning: a: brings a classifier and no id2label.json: its classes go by "
        "the model's names, which may be wrong\n");
  // A head that the configuration does not count: the base keeps its own.
  std::string config = at.bytes("a/adapter_config.json");
  const std::string list = "[\n    \"classifier\"\n  ]";
  REQUIRE(config.find(list) != std::string::npos);
  test::write_bytes(at / "a/adapter_config.json",
                    config.replace(config.find(list), list.size(), "null"));
  const auto refused = at.run(words("evaluate base --adapter a"));
  CHECK(refused.code == 1);
  CHECK_MESSAGE(refused.err.find("holds weights that nothing in the model takes: "
                                 "base_model.model.classifier.bias, ") != std::string::npos,
                refused.err);
  CHECK(says("evaluate base --adapter a --ignore-unused")
            .find("not used: base_model.model.classifier.bias") != std::string::npos);
  auto file = load_safetensors(at / "a/adapter_model.safetensors");
  for (auto& [name, tensor] : file.tensors)
    if (name.ends_with("boft_s")) fill_(tensor, std::nan(""));
  save_safetensors(at / "a/adapter_model.safetensors", file.tensors, file.metadata);
  const std::string warning = "boft_s holds numbers that are not finite";
  CHECK(says("merge base a --out m --ignore-unused").find(warning) != std::string::npos);
  for (const std::string line : {"predict base --adapter a --digit 0 --ignore-unused",
                                 "evaluate base --adapter a --ignore-unused"}) {
    const auto outcome = at.run(words(line));
    CHECK_MESSAGE(outcome.code == 1, line);
    CHECK_MESSAGE(outcome.err.find(warning) != std::string::npos, line);
  }
}

TEST_CASE("inspect --machine: the processor, and the library that multiplies as it was chosen") {
  const Workplace at;
  const auto machine = at.json(words("inspect --machine --products openblas --threads 2"));
  CHECK(machine["kind"] == "machine");
  CHECK(machine["threads"] == 2);
  CHECK(machine["products"] == "openblas");
  CHECK(machine["float32_flops"].get<double>() > 1e8);
  CHECK(machine["memory"].get<double>() > 1e7);
  const bool has_onednn = machine["why_no_onednn"].get<std::string>().empty();
  const auto chosen = at.run(words("inspect --machine --products onednn-float32"));
  CHECK(chosen.code == (has_onednn ? 0 : 2));
  if (!has_onednn)
    CHECK(chosen.err.find("--products: products: onednn-float32 cannot be had") != chosen.err.npos);
  const bool pays = has_onednn && machine["bfloat16_instructions"] == true;
  CHECK(at.json(words("inspect --machine"))["products"] == (pays ? "onednn" : "openblas"));
  CHECK(at.run(words("inspect --machine base")).code == 2);
  CHECK(at.run(words("inspect")).err.find("missing PATH; usage: papilio inspect ") !=
        std::string::npos);
}
