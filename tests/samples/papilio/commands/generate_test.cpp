// papilio generate, and what other commands say of a language model.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::check_refused;
using test::words;
using test::Workplace;

namespace {

const std::string kModel = std::string(test::source_root) + "/tests/golden/gpt2/gpt2";
const std::string kAdapter = std::string(test::source_root) + "/tests/golden/gpt2/lora";

}  // namespace

TEST_CASE("generate: the seed decides, an adapter changes the text, the cache does not") {
  const Workplace at;
  const std::string line = "generate " + kModel + " --prompt The --max-new-tokens 12 --seed 4";
  const auto first = at.json(words(line));
  CHECK(first["prompt_tokens"] == 1);
  REQUIRE(first["texts"].size() == 1);
  CHECK(first["texts"][0]["ids"].size() == 12);
  CHECK(first["texts"][0]["ended_by"] == "length");
  CHECK(at.json(words(line))["texts"] == first["texts"]);
  CHECK(at.json(words(line + " --no-cache"))["texts"] == first["texts"]);
  CHECK(at.json(words(line + " --adapter " + kAdapter))["texts"] != first["texts"]);
  const auto several = at.json(words(line + " --samples 2"));
  CHECK(several["texts"][0] == first["texts"][0]);
  CHECK(several["texts"][1] != first["texts"][0]);
  CHECK(at.run(words(line + " --quiet")).out ==
        "The" + first["texts"][0]["text"].get<std::string>() + "\n");
}

TEST_CASE("generate: a text ends before a stop string") {
  const Workplace at;
  const std::string line = "generate " + kModel + " -p The --max-new-tokens 30 --temperature 0";
  const auto whole = at.json(words(line))["texts"][0]["text"].get<std::string>();
  REQUIRE(whole.find("or<") != std::string::npos);
  std::vector<std::string> stopped = words(line);
  stopped.insert(stopped.end(), {"--stop", "or<"});
  const auto cut = at.json(stopped)["texts"][0];
  CHECK(cut["text"] == whole.substr(0, whole.find("or<")));
  CHECK(cut["ended_by"] == "stop");
}

TEST_CASE("generate, inspect: wrong uses") {
  const Workplace at;
  test::train_base(at);
  check_refused(at, {{"generate " + kModel, 2, "missing --prompt"},
                     {"generate base --prompt a", 1, "base: is no language model; predict says"},
                     {"generate " + kModel + " --prompt a --top-p 0", 2, "--top-p"},
                     {"generate " + kAdapter + " --prompt a", 1, "holds an adapter, not a model"},
                     {"evaluate " + kModel, 2, "a language model wants a text"}});
}

TEST_CASE("inspect: a language model's shape and modules, and what an adapter would change") {
  const Workplace at;
  const auto model = at.json(words("inspect " + kModel));
  CHECK(model["kind"] == "language_model");
  CHECK(model["vocab_size"] == 643);
  CHECK(model["parameters"] == 643 * 16 + 64 * 16 + 2 * (12 * 16 * 16 + 13 * 16) + 2 * 16);
  test::write_bytes(at / "c.json", R"({"peft_type": "BOFT", "boft_block_size": 4,
                                       "fan_in_fan_out": true, "target_modules": ["c_attn"]})");
  const auto plan = at.json(words("inspect --would-adapt c.json " + kModel));
  CHECK(plan["fits"] == true);
  CHECK(plan["layers"].size() == 2);
  CHECK(plan["layers"][0]["shape"] == std::vector<int>{48, 16});
}
