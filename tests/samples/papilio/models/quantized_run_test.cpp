// A quantised base, as a user has it: converted, finetuned, merged, and read by every command.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::check_refused;
using test::words;
using test::Workplace;

namespace {

const std::string kModel = std::string(test::source_root) + "/tests/golden/gpt2/gpt2";

double loss(const Workplace& at, const std::string& what) {
  return at.json(words("evaluate " + what))["loss"].get<double>();
}

}  // namespace

TEST_CASE("a quantised GPT-2: convert, finetune, merge, evaluate, predict, generate, inspect") {
  const Workplace at;
  std::string text;
  for (int i = 0; i < 60; ++i) text += "The quick brown fox jumps over the lazy dog. ";
  test::write_bytes(at / "fox.txt", text);
  const std::string data = " --data fox.txt --sequence-length 32 ";
  const auto made = at.json(words("convert " + kModel + " --to nf4 --out q"));
  CHECK(made["layers"] == 8);
  CHECK(made["error"].get<double>() > 0.01);
  CHECK(made["largest_error"].get<double>() < 0.2);
  CHECK(made["bytes"].get<double>() < 0.7 * made["numbers"].get<double>());
  const double before = loss(at, "q" + data);
  CHECK(before == doctest::Approx(loss(at, kModel + data)).epsilon(0.05));

  at.json(words("finetune q" + data +
                "--epochs 2 --batch-size 4 --lr 1e-2 --method oft -b 4 --out oft"));
  const double adapted = loss(at, "q --adapter oft" + data);
  CHECK(adapted < before);
  const auto merged = at.json(words("merge q oft --out merged"));
  CHECK(merged["quantised_again"]["layers"] == 8);
  CHECK(merged["quantised_again"]["error"].get<double>() > 0.01);
  CHECK(merged["largest_logit_difference"].get<double>() > 0);
  CHECK(loss(at, "merged" + data) == doctest::Approx(adapted).epsilon(0.1));
  CHECK(at.json(words("predict merged The"))["predictions"].size() == 1);
  CHECK(at.json(words("generate merged -p The --max-new-tokens 3"))["texts"].size() == 1);
  CHECK(at.run(words("inspect merged")).out.find("nf4") != std::string::npos);

  check_refused(at, {{"convert q --to int8 --out x", 2, "the model is quantised already"},
                     {"finetune q --data fox.txt --method full --out x", 2, "are quantised"},
                     {"merge q merged --strength 0.5 --out x", 1, "codes do not blend"}});
}

TEST_CASE("convert --double-quant: fewer bits, said in config.json, kept by finetune and merge") {
  const Workplace at;
  test::train_base(at);
  for (const std::string kind : {"nf4", "fp4"}) {
    CAPTURE(kind);
    const std::string line = "convert base --to " + kind, plain = kind, twice = kind == "nf4" ? "one" : "two";
    const auto once = at.json(words(line + " --out " + plain)),
               made = at.json(words(line + " --double-quant --out " + twice));
    CHECK(once["double_quant"] == false);
    CHECK(made["double_quant"] == true);
    CHECK(made["numbers"] == once["numbers"]);
    CHECK(made["error"].get<double>() != once["error"].get<double>());
    CHECK(made["error"].get<double>() ==
          doctest::Approx(once["error"].get<double>()).epsilon(0.01));
    CHECK(loss(at, twice) == doctest::Approx(loss(at, "base")).epsilon(0.1));
    at.json(words("finetune " + twice + " --classes 2-4 --epochs 1 -t query --out " + kind + "-a"));
    at.json(words("merge " + twice + " " + kind + "-a --out " + kind + "-merged"));
    for (const std::string& folder : {twice, kind + "-merged"}) {
      const auto config = nlohmann::json::parse(at.bytes(folder + "/config.json"));
      CHECK(config["quantization_config"]["bnb_4bit_use_double_quant"] == true);
      CHECK(at.bytes(folder + "/model.safetensors").find("weight.nested_quant_map") !=
            std::string::npos);
    }
    CHECK(at.run(words("inspect " + twice)).out.find(kind) != std::string::npos);
  }
  check_refused(at, {{"convert base --to int8 --double-quant --out x", 2,
                      "--double-quant: has a meaning only with --to nf4 or fp4"}});
}

TEST_CASE("a quantised ViT: a head of its own stays numbers, and is read back") {
  const Workplace at;
  test::train_base(at);
  for (const std::string kind : {"int8", "fp4"}) {
    CAPTURE(kind);
    const std::string q = kind, boft = kind + "-boft", merged = kind + "-merged";
    at.json(words("convert base --to " + kind + " --out " + q));
    CHECK(loss(at, q) == doctest::Approx(loss(at, "base")).epsilon(0.1));
    at.json(words("finetune " + q + " --classes 2-4 --epochs 1 -t query --out " + boft));
    at.json(words("merge " + q + " " + boft + " --out " + merged));
    CHECK(loss(at, merged + " --classes 2-4") ==
          doctest::Approx(loss(at, q + " --adapter " + boft)).epsilon(0.1));
    const auto config = nlohmann::json::parse(at.bytes(merged + "/config.json"));
    CHECK(config["quantization_config"]["llm_int8_skip_modules"] ==
          nlohmann::json::array({"classifier"}));
    at.json(words("finetune " + q + " --classes 2-4 --epochs 1 --method linear --out " + kind +
                  "-linear"));
  }
  check_refused(at, {{"convert int8 --to timm --out x", 2, "the model's layers are quantised"}});
}
