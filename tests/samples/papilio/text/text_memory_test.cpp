// The memory of a language model's run: planned before it begins, refused or fitted.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/samples/papilio/program.h"

namespace papilio::test {

namespace {

const std::string kModel = std::string(source_root) + "/tests/golden/gpt2/gpt2";
const std::string kAdapt =
    "finetune " + kModel +
    " --data fox.txt --epochs 1 --batch-size 16 --sequence-length 48 --method boft -b 4 -m 2 ";

void write_text(const Workplace& at) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "The quick brown fox jumps over the lazy dog. ";
  write_bytes(at / "fox.txt", text);
}

std::string limit(double bytes) {
  return "--memory " + std::to_string(bytes / 1e9) + ' ';
}

}  // namespace

TEST_CASE("text: a plan is within a tenth of what the run takes, over methods and recomputation") {
  const Workplace at;
  write_text(at);
  at.json(words("convert " + kModel + " --to nf4 --out nf4"));
  const std::string data = " --data fox.txt --epochs 1 --overwrite ";
  const std::string train =
      "train --model-type gpt2 --hidden-size 32 --layers 2 --vocab-size 280 --out base" + data;
  for (const std::string& line :
       {train, "finetune " + kModel + data + "--out a --method full",
        "finetune " + kModel + data + "--out b --method lora --recompute blocks",
        "finetune nf4" + data + "--out c --method boft -b 4 --sequence-length 32"}) {
    CAPTURE(line);
    const auto run = at.json(words(line));
    const auto planned = run["memory_plan"]["needed"].get<double>(),
               measured = run["peak_memory_bytes"].get<double>();
    CHECK(planned > 0.9 * measured);
    CHECK(planned < 1.1 * measured);
    CHECK(run["memory_plan"]["parts"].contains("sequences"));
  }
}

TEST_CASE("text: inspect --plan is the plan of finetune, and says what would fit") {
  const Workplace at;
  write_text(at);
  const std::string line =
      "inspect " + kModel + " --plan --method boft -b 4 -m 2 --batch-size 16 --sequence-length ";
  const auto plan = at.json(words(line + "48"));
  CHECK(plan["kind"] == "plan");
  const auto needed = plan["needed"].get<double>();
  const auto run = at.json(words(kAdapt + "--out a"));
  CHECK(run["memory_plan"]["parts"] == plan["parts"]);
  CHECK(at.json(words(line + "24"))["needed"].get<double>() < 0.7 * needed);
  const auto blocks = at.json(words(line + "48 --recompute blocks"))["needed"].get<double>();
  REQUIRE(blocks < 0.9 * needed);
  const Outcome refused = at.run(words(line + "48 " + limit(1.01 * blocks)));
  CHECK(refused.code == 1);
  for (const char* const way : {"fits: --batch-size 16 --accumulate 1 --recompute ",
                                "fits: --recompute blocks (", "fits: --sequence-length "})
    CHECK_MESSAGE(refused.out.find(way) != std::string::npos, refused.out);
  CHECK(refused.out.starts_with("gpt2, 2 layers of width 16, 48 tokens a sequence, batch 16; "));
  check_refused(at, {{"inspect " + kModel + " --plan --image-size 32", 2,
                      "--image-size: has a meaning only with an image classifier"},
                     {"inspect " + kModel + " --plan --sequence-length 65", 2,
                      "--sequence-length: the model looks at 64 tokens, got 65"},
                     {"inspect " + kModel + " --sequence-length 8", 2,
                      "--sequence-length: has a meaning only with --plan"}});
}

TEST_CASE("text: a run that would take more memory than it may is refused, or fitted") {
  const Workplace at;
  write_text(at);
  const auto free = at.json(words(kAdapt + "--out free"));
  const double needed = free["memory_plan"]["needed"].get<double>();
  const std::string two_thirds = limit(needed / 1.5);
  const Outcome refused = at.run(words(kAdapt + "--out a --quiet " + two_thirds));
  CHECK(refused.code == 1);
  CHECK_MESSAGE(refused.err.starts_with("papilio finetune: the run needs "), refused.err);
  CHECK_MESSAGE(refused.err.find("--fit-memory takes the first of these") != std::string::npos,
                refused.err);
  CHECK_FALSE(std::filesystem::exists(at / "a/adapter_model.safetensors"));

  const Outcome chosen = at.run(words(kAdapt + "--out a --json --fit-memory " + two_thirds));
  CHECK_MESSAGE(chosen.code == 0, chosen.err);
  CHECK_MESSAGE(chosen.err.find("; the run is --batch-size ") != std::string::npos, chosen.err);
  const auto fitted = nlohmann::json::parse(chosen.out);
  CHECK(fitted["memory_plan"]["fits"] == true);
  CHECK(fitted["peak_memory_bytes"].get<double>() < needed / 1.5);
  // The same as if one had said so, and to go on with it.
  at.json(words("finetune --config a/run.toml --out same"));
  CHECK(at.bytes("same/adapter_model.safetensors") == at.bytes("a/adapter_model.safetensors"));
  CHECK(at.run(words(kAdapt + "--out a --resume --quiet --fit-memory " + two_thirds)).code == 0);

  const Outcome none = at.run(words(kAdapt + "--out b --quiet --memory 0.00001"));
  CHECK(none.code == 1);
  CHECK_MESSAGE(none.err.find("Not even one sequence at a time fits") != std::string::npos,
                none.err);
}

TEST_CASE("text: samples that are not packed are planned at the length of the longest") {
  const Workplace at;
  std::string lines;
  // One in eight is six times as long: a plan by another sample would be far below.
  for (int i = 0; i < 40; ++i) {
    lines += R"({"text": ")";
    for (int part = 0; part < (i % 8 == 0 ? 6 : 1); ++part) lines += "The quick brown fox jumps. ";
    lines += "\"}\n";
  }
  write_bytes(at / "fox.jsonl", lines);
  const std::string line = "finetune " + kModel + " --data fox.jsonl --no-pack --epochs 1 ";
  const auto run = at.json(words(line + "--out a"));
  const double needed = run["memory_plan"]["needed"], peak = run["peak_memory_bytes"];
  CHECK(needed < 1.1 * peak);
  CHECK(needed > 0.9 * peak);
}

}  // namespace papilio::test
