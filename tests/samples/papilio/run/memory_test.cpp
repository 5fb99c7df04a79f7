// The memory of a run: planned before it begins, refused or fitted, and other sizes of images.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "tests/samples/papilio/program.h"
#include "tests/samples/papilio/run/two_classes.h"
#include "tests/sanitizers.h"

namespace papilio::test {

namespace {

const std::string kAdapt = "finetune base --classes 2-4 --epochs 1 -b 4 -m 2 --batch-size 64 ";

}  // namespace

TEST_CASE("a run that would take more memory than it may does not begin, and says what would fit") {
  const Workplace at;
  train_base(at);
  const auto plan = at.json(words("inspect base --plan -b 4 -m 2 --batch-size 64"));
  CHECK(plan["kind"] == "plan");
  CHECK(plan["fits"] == true);
  const auto needed = plan["needed"].get<double>();
  CHECK(needed > 1e5);
  CHECK(plan["activations"].contains("linear"));
  double parts = 0;
  for (const auto& [name, bytes] : plan["parts"].items()) parts += bytes.get<double>();
  CHECK(parts == needed);

  // Two thirds of it.
  const std::string limit = "--memory " + std::to_string(needed / 1.5e9);
  const Outcome refused = at.run(words(kAdapt + "--out a --quiet " + limit));
  CHECK(refused.code == 1);
  CHECK_MESSAGE(refused.err.find("papilio finetune: the run needs ") == 0, refused.err);
  CHECK_MESSAGE(
      refused.err.find("It fits with --batch-size 32 --accumulate 2 (") != std::string::npos,
      refused.err);
  CHECK(refused.err.find("--fit-memory takes the first of these") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(at / "a/adapter_model.safetensors"));

  const Outcome chosen = at.run(words(kAdapt + "--out a --json --fit-memory " + limit));
  CHECK(chosen.code == 0);
  CHECK_MESSAGE(chosen.err.find("the run is --batch-size 32 --accumulate 2") != std::string::npos,
                chosen.err);
  const auto fitted = nlohmann::json::parse(chosen.out);
  CHECK(fitted["memory_plan"]["fits"] == true);
  CHECK(at.bytes("a/run.toml").find("batch-size = 32\n") != std::string::npos);
  CHECK(at.bytes("a/run.toml").find("accumulate = 2\n") != std::string::npos);
  // The same as if one had said so.
  at.json(words("finetune --config a/run.toml --out same"));
  CHECK(at.bytes("same/adapter_model.safetensors") == at.bytes("a/adapter_model.safetensors"));
  // To go on with it needs no memory now: the run is what it was.
  CHECK(at.run(words(kAdapt + "--out a --resume --quiet --fit-memory " + limit)).code == 0);

  const Outcome none = at.run(words(kAdapt + "--out b --quiet --memory 0.00001"));
  CHECK(none.code == 1);
  CHECK_MESSAGE(none.err.find("Not even one image at a time fits") != std::string::npos, none.err);
}

TEST_CASE("a plan is within a tenth of what the run takes, and its line comes before the bar") {
  const Workplace at;
  train_base(at);
  const auto run = at.json(words(kAdapt + "--out a"));
  const auto planned = run["memory_plan"]["needed"].get<double>(),
             measured = run["peak_memory_bytes"].get<double>();
  CHECK(planned > 0.9 * measured);
  CHECK(planned < 1.1 * measured);
  const Outcome shown = at.run(words(kAdapt + "--out b"));
  CHECK_MESSAGE(shown.out.find("vit, 1 layer of width 16, 5 tokens an image (8x8), batch 64; "
                               "memory ") != std::string::npos,
                shown.out);
  const Outcome refused = at.run(words("inspect base --plan --memory 0.00001"));
  CHECK(refused.code == 1);
  check_refused(at, {{"inspect base --batch-size 3", 2, "--batch-size: has a meaning only with"},
                     {"inspect base --plan --would-adapt x.json", 2, "not both"}});
}

TEST_CASE("--fit-memory computes blocks again if fewer images do not suffice") {
  const Workplace at;
  at.json(words(
      "train --classes 0-1 --epochs 1 --patch-size 2 --hidden-size 32 --layers 4 --out base"));
  const auto planned = [&](const std::string& recompute, const std::string& batch) {
    return at
        .json(words("inspect base --plan -b 4 -m 2 --recompute " + recompute + " --batch-size " +
                    batch))
        .at("needed")
        .get<double>();
  };
  const auto check_fitted = [&](const std::string& batch, double bytes) {
    const std::string line = "finetune base --classes 2-4 --epochs 1 -b 4 -m 2 --overwrite --quiet";
    const std::string size = " --batch-size " + batch;
    const std::string limit = " --memory " + std::to_string(bytes / 1e9);
    const Outcome refused = at.run(words(line + size + limit + " --out none"));
    CHECK(refused.code == 1);
    CHECK_MESSAGE(refused.err.find("It fits with --batch-size " + batch +
                                   " --accumulate 1 --recompute ") != std::string::npos,
                  refused.err);
    const Outcome chosen = at.run(words(line + size + limit + " --out fitted --fit-memory"));
    CHECK_MESSAGE(chosen.code == 0, chosen.err);
    CHECK(at.bytes("fitted/run.toml").find("recompute = \"off\"") == std::string::npos);
    at.json(words(line + size + " --out free"));
    CHECK(at.bytes("fitted/adapter_model.safetensors") ==
          at.bytes("free/adapter_model.safetensors"));
  };
  const double off = planned("off", "1"), blocks = planned("blocks", "1");
  REQUIRE(blocks < 0.98 * off);
  check_fitted("1", (off + 3 * blocks) / 4);

  // Images of 17 tokens: fewer of them at a time would fit too, and be slower.
  const double all = planned("off", "48"), half = planned("off", "24");
  REQUIRE(std::max(half, planned("blocks", "48")) < 0.98 * all);
  check_fitted("48", std::max(half, planned("blocks", "48")) * 1.005);
}

// AddressSanitizer gives freed memory back late.
TEST_CASE("what the system counts of a run grows as the plan does, over methods and dtypes" *
          doctest::skip(kAddressSanitizer)) {
  const Workplace at;
  const std::string sizes = " --hidden-size 192 --layers 2 --heads 3 --patch-size 2 --epochs 1 ";
  at.json(words("train --classes 0-1 --out base --batch-size 70" + sizes));
  const std::string finetune = "finetune base --epochs 1 ";
  for (const std::string& what : {"train --precision bfloat16" + sizes, finetune + "-b 4 -m 2",
                                  finetune + "--method lora --recompute selective"}) {
    CAPTURE(what);
    const std::string run =
        what + (what.starts_with("train") ? " --out model" : " --out adapter") + " --overwrite";
    // The plan, and what is resident if blocks that lie idle are given back at the plan's limit.
    const auto measured = [&](int64_t batch) {
      const std::string line = run + " --classes 0-1 --batch-size " + std::to_string(batch);
      const double needed = at.json(words(line))["memory_plan"]["needed"].get<double>();
      const auto within = at.json(words(line + " --memory " + std::to_string(1.01e-9 * needed)));
      return std::pair(needed, within["peak_resident_bytes"].get<double>());
    };
    const auto few = measured(32), many = measured(256);
    const double planned = many.first - few.first, grown = many.second - few.second;
    REQUIRE(planned > 40e6);
    CAPTURE(grown);
    CHECK(planned > 0.9 * grown);
    CHECK(planned < 1.1 * grown);
  }
}

TEST_CASE("--image-size: an adapter's own is taken from its run, and a merged model keeps it") {
  const Workplace at;
  write_pictures(at / "photos", 12);
  at.json(words("train --data photos --patch-size 2 --epochs 1 --out m" + kSmall));
  const int64_t patch = at.json(words("inspect m"))["patch_size"], side = 5 * patch;
  const std::string size = " --image-size " + std::to_string(side);
  at.json(words("finetune m --data photos -b 4 -m 2 --epochs 1 --out a" + size));
  CHECK(at.bytes("a/run.toml").find("image-size = " + std::to_string(side)) != std::string::npos);
  const std::string picture = " photos/dark/0.png photos/light/0.png";
  const auto predictions = [&](const std::string& line) {
    return at.json(words("predict " + line + picture))["predictions"];
  };
  const auto adapted = predictions("m --adapter a");
  CHECK(adapted == predictions("m --adapter a" + size));
  CHECK(adapted != predictions("m --adapter a --image-size " + std::to_string(2 * patch)));
  at.json(words("merge m a --out merged"));
  CHECK(at.json(words("inspect merged"))["image_size"] == side);
  CHECK(at.bytes("merged/preprocessor_config.json").find(std::to_string(side)) !=
        std::string::npos);
  const auto merged = predictions("merged");
  for (size_t i = 0; i < 2; ++i) {
    const auto probability = [](const nlohmann::json& p) {
      return p["top"][0]["probability"].get<double>();
    };
    CHECK(merged[i]["class"] == adapted[i]["class"]);
    CHECK(probability(merged[i]) == doctest::Approx(probability(adapted[i])).epsilon(1e-4));
  }
  at.json(words("evaluate merged --data photos --split all"));
  at.json(words("finetune m --data photos --method full --epochs 1 --out full" + size));
  CHECK(at.json(words("inspect full"))["image_size"] == side);
  check_refused(
      at, {{"predict m --image-size " + std::to_string(side + 1) + picture, 2,
            "--image-size: expected a multiple of the model's " + std::to_string(patch) + "x"},
           {"finetune m --image-size 8 --out b", 2, "--image-size: has a meaning only with"}});
}

}  // namespace papilio::test
