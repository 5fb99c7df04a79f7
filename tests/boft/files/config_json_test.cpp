#include "boft/files/config_json.h"

#include <doctest/doctest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tensor/error.h"

namespace papilio::test {

using boft::BoftConfig;
using boft::config_text;
using boft::LoraConfig;
using boft::OftConfig;
using boft::parse_config;

TEST_CASE("adapter_config.json: what is written is read back, every field") {
  const BoftConfig c{.boft_block_size = 0,
                     .boft_block_num = 8,
                     .boft_n_butterfly_factor = 3,
                     .boft_dropout = 0.25,
                     .target_modules = {"query", "value"},
                     .exclude_modules = ".*layer\\.0.*",
                     .fan_in_fan_out = true,
                     .bias = "boft_only",
                     .modules_to_save = {"classifier"},
                     .init_weights = false,
                     .layers_to_transform = {1, 2},
                     .layers_pattern = {"layer"},
                     .task_type = "IMAGE_CLASSIFICATION"};
  const auto read = std::get<BoftConfig>(parse_config(config_text(c), "x").config);
  CHECK(read.boft_block_size == 0);
  CHECK(read.boft_block_num == 8);
  CHECK(read.boft_n_butterfly_factor == 3);
  CHECK(read.boft_dropout == 0.25);
  CHECK(read.target_modules == c.target_modules);
  CHECK(read.exclude_modules == c.exclude_modules);
  CHECK(read.fan_in_fan_out);
  CHECK(read.bias == "boft_only");
  CHECK(read.modules_to_save == c.modules_to_save);
  CHECK_FALSE(read.init_weights);
  CHECK(read.layers_to_transform == c.layers_to_transform);
  CHECK(read.layers_pattern == c.layers_pattern);
  CHECK(read.task_type == "IMAGE_CLASSIFICATION");
  CHECK(read.revision.empty());
  const auto lora = std::get<LoraConfig>(
      parse_config(config_text(LoraConfig{.r = 3, .lora_alpha = 5, .target_modules = "all-linear"}),
                   "x")
          .config);
  CHECK(lora.r == 3);
  CHECK(lora.lora_alpha == 5);
  CHECK(lora.target_modules == boft::ModuleNames("all-linear"));
}

TEST_CASE("adapter_config.json: PEFT's own text, indent 2 and sorted keys") {
  const std::string text = config_text(BoftConfig{.target_modules = {"query"}});
  CHECK(text.starts_with(
      "{\n  \"auto_mapping\": null,\n  \"base_model_name_or_path\": null,\n  \"bias\": \"none\","));
  CHECK(text.find("\"inference_mode\": true") != std::string::npos);
  CHECK(text.find("\"peft_type\": \"BOFT\"") != std::string::npos);
}

TEST_CASE("adapter_config.json: null means the default, unknown keys are named") {
  const auto loaded =
      parse_config(R"({"peft_type": "BOFT", "target_modules": ["q"], "boft_dropout": null,
                                       "layers_pattern": null, "new_trick": 3, "off": false})",
                   "a.json");
  CHECK(std::get<BoftConfig>(loaded.config).boft_block_size == 4);
  CHECK(loaded.warnings ==
        std::vector<std::string>{"a.json: unknown key \"new_trick\" is ignored"});
}

TEST_CASE("adapter_config.json: wrong files get one clear line") {
  const auto message = [](const std::string& text) -> std::string {
    try {
      parse_config(text, "a.json");
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  CHECK(message("{").starts_with("a.json: not valid JSON: "));
  CHECK(message("[]") == "a.json: expected a JSON object, got array");
  CHECK(message(R"({"peft_type": "BOFT", "peft_type": "LORA"})") ==
        "a.json: the key \"peft_type\" appears twice");
  CHECK(message(R"({"peft_type": "IA3"})") ==
        "a.json: peft_type: expected \"BOFT\", \"OFT\", \"LORA\" or \"HRA\", got \"IA3\"");
  CHECK(message(R"({})") ==
        "a.json: peft_type: expected \"BOFT\", \"OFT\", \"LORA\" or \"HRA\", got nothing");
  CHECK(message(R"({"peft_type": "BOFT", "boft_block_size": "4"})") ==
        "a.json: boft_block_size: expected a whole number >= 0, got \"4\"");
  CHECK(message(R"({"peft_type": "BOFT", "boft_block_size": -4})") ==
        "a.json: boft_block_size: expected a whole number >= 0, got -4");
  CHECK(message(R"({"peft_type": "BOFT", "boft_block_size": 4.5})") ==
        "a.json: boft_block_size: expected a whole number >= 0, got 4.5");
  CHECK(message(R"({"peft_type": "BOFT", "boft_block_size": 1e400})")
            .starts_with("a.json: not valid JSON: "));
  CHECK(message(R"({"peft_type": "BOFT", "bias": "some"})") ==
        "a.json: BoftConfig: expected bias to be \"none\", \"all\" or \"boft_only\", got \"some\"");
  CHECK(message(R"({"peft_type": "BOFT", "boft_block_size": 4, "boft_dropout": 7})") ==
        "a.json: BoftConfig: expected boft_dropout in [0, 1), got 7");
  CHECK(message(R"({"peft_type": "BOFT", "target_modules": 3})") ==
        "a.json: target_modules: expected a string or a list of strings, got 3");
  CHECK(message(R"({"peft_type": "BOFT", "init_weights": 1})") ==
        "a.json: init_weights: expected true or false, got 1");
  CHECK(message(R"({"peft_type": "LORA", "use_dora": true})") ==
        "a.json: use_dora: expected false (not supported), got true");
  CHECK(message("{\"a\": " + std::string(100000, '[') + std::string(100000, ']') + "}") ==
        "a.json: JSON nested deeper than 64");
  CHECK(message("\xff").starts_with("a.json: not valid JSON: "));
}

TEST_CASE("adapter_config.json: OFT keeps every field") {
  const OftConfig c{.r = 4,
                    .oft_block_size = 0,
                    .module_dropout = 0.25,
                    .coft = true,
                    .eps = 1e-3,
                    .block_share = true,
                    .use_cayley_neumann = false,
                    .num_cayley_neumann_terms = 7,
                    .target_modules = {"q"},
                    .bias = "oft_only",
                    .init_weights = false};
  const auto loaded = parse_config(config_text(c), "a.json");
  CHECK(loaded.warnings.empty());
  const auto read = std::get<OftConfig>(loaded.config);
  CHECK(read.r == 4);
  CHECK(read.oft_block_size == 0);
  CHECK(read.module_dropout == 0.25);
  CHECK(read.coft);
  CHECK(read.eps == 1e-3);
  CHECK(read.block_share);
  CHECK(!read.use_cayley_neumann);
  CHECK(read.num_cayley_neumann_terms == 7);
  CHECK(read.bias == "oft_only");
  CHECK(!read.init_weights);
}

TEST_CASE("adapter_config.json: OFT files of older releases are recognised") {
  CHECK_THROWS_WITH(
      parse_config(R"({"peft_type": "OFT", "r": 8})", "a.json"),
      "a.json: no oft_block_size: an OFT adapter from before PEFT 0.14, whose "
      "parameters mean something else; train it again, or merge it with PEFT 0.13 and "
      "use the result");
  // Before the series existed: the exact transform, whatever today's default.
  const auto exact = parse_config(R"({"peft_type": "OFT", "oft_block_size": 8})", "a.json");
  CHECK(!std::get<OftConfig>(exact.config).use_cayley_neumann);
  CHECK(exact.warnings == std::vector<std::string>{
                              "a.json: no use_cayley_neumann: read as the exact Cayley transform, "
                              "the only one that releases of PEFT without this key had"});
  for (const char* version : {"", R"(, "peft_version": "0.17.1")"}) {
    const auto old =
        parse_config(str(R"({"peft_type": "OFT", "oft_block_size": 8, "use_cayley_neumann": true)",
                         version, "}"),
                     "a.json");
    CHECK(std::get<OftConfig>(old.config).use_cayley_neumann);
    CHECK(std::get<OftConfig>(old.config).doubled_last_term);
    CHECK(old.warnings == std::vector<std::string>{
                              "a.json: written by a PEFT before 0.18: its rotations are computed "
                              "by the Cayley-Neumann series of that release, which newer ones of "
                              "PEFT would read by another"});
    // Written back it is the same: no peft_version, as there.
    const std::string written = config_text(old.config);
    CHECK(written.find("peft_version") == std::string::npos);
    CHECK(std::get<OftConfig>(parse_config(written, "b.json").config).doubled_last_term);
  }
  for (const char* version : {"0.18.0", "0.20.1.dev0@abc", "1.0"}) {
    const auto now = parse_config(
        str(R"({"peft_type": "OFT", "oft_block_size": 8, "peft_version": ")", version, "\"}"),
        "a.json");
    CHECK(now.warnings.empty());
    CHECK(std::get<OftConfig>(now.config).use_cayley_neumann);
  }
}

TEST_CASE("configurations contradict themselves as in PEFT") {
  CHECK_THROWS_WITH(OftConfig({.oft_block_size = 0}).validate(),
                    "OftConfig: r and oft_block_size are both 0; give one of them");
  CHECK_THROWS_WITH(OftConfig({.r = 4}).validate(),
                    "OftConfig: give r or oft_block_size, not both (4 and 32); set the other to 0");
  CHECK_THROWS_WITH(OftConfig({.num_cayley_neumann_terms = 0}).validate(),
                    "OftConfig: expected num_cayley_neumann_terms from 1 to 64, got 0");
  CHECK_THROWS_WITH(OftConfig({.eps = -1}).validate(), "OftConfig: expected eps >= 0, got -1");
  CHECK_THROWS_WITH(OftConfig({.bias = "boft_only"}).validate(),
                    "OftConfig: expected bias to be \"none\", \"all\" or \"oft_only\", got "
                    "\"boft_only\"");
  CHECK_THROWS_WITH(BoftConfig({.boft_block_size = 0}).validate(),
                    "BoftConfig: boft_block_size and boft_block_num are both 0; give one of them");
  CHECK_THROWS_WITH(
      BoftConfig({.boft_block_num = 2}).validate(),
      "BoftConfig: give boft_block_size or boft_block_num, not both (4 and 2); set the other to 0");
  CHECK_THROWS_WITH(BoftConfig({.boft_n_butterfly_factor = 0}).validate(),
                    "BoftConfig: expected boft_n_butterfly_factor >= 1, got 0");
  CHECK_THROWS_WITH(BoftConfig({.boft_dropout = 1}).validate(),
                    "BoftConfig: expected boft_dropout in [0, 1), got 1");
  CHECK_THROWS_WITH(BoftConfig({.layers_pattern = {"layer"}}).validate(),
                    "BoftConfig: layers_pattern needs layers_to_transform");
  CHECK_THROWS_WITH(LoraConfig({.r = 0}).validate(),
                    "LoraConfig: expected r from 1 to 2147483647, got 0");
}

}  // namespace papilio::test
