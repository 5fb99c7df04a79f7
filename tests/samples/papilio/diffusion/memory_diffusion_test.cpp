// The memory of diffusion runs: planned, refused, fitted.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/nn/diffusion/drawn_pictures.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/samples/papilio/program.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

// A tiny pipeline `sd`, and pictures with captions and conditioning pictures in `shapes`.
struct Place : Workplace {
  Place() {
    fs::copy(golden_diffusion("sd15"), *this / "sd", fs::copy_options::recursive);
    write_captioned(*this / "shapes", 6, 16, true);
    write_captioned(*this / "own", 4, 16);
    fs::remove(*this / "own/metadata.jsonl");
  }
};

std::vector<std::string> dreambooth(const std::string& rest) {
  std::vector<std::string> line = words("dreambooth sd --instance-data-dir own " + rest);
  line.insert(line.end(), {"--instance-prompt", "a sks square"});
  return line;
}

}  // namespace

TEST_CASE("a plan is within a tenth of what runs of diffusion take") {
  const Place at;
  const std::string prior =
      "--with-prior-preservation --class-data-dir shapes --num-class-images 6 ";
  std::vector<std::string> with_prior = dreambooth(
      prior + "--method lora -r 2 --max-train-steps 2 --batch-size 8 --resolution 64 --out a");
  with_prior.insert(with_prior.end(), {"--class-prompt", "a square"});
  for (const std::vector<std::string>& line :
       {dreambooth("-n 2 --dropout 0 --max-train-steps 2 --batch-size 4 --resolution 64 --out b"),
        with_prior,
        dreambooth("--method full --train-text-encoder --max-train-steps 2 --batch-size 16 "
                   "--resolution 64 --ema 0.9 --out c"),
        words("controlnet sd --data shapes -n 2 --dropout 0 --max-train-steps 2 --batch-size 16 "
              "--resolution 64 --out d"),
        words("train --data shapes --max-train-steps 2 --batch-size 24 --resolution 32 --out e"),
        dreambooth("-n 2 --dropout 0 --max-train-steps 2 --batch-size 4 --resolution 64 "
                   "--gradient-checkpointing --out f"),
        dreambooth("-n 2 --dropout 0 --max-train-steps 2 --resolution 64 --gradient-checkpointing "
                   "--validation-prompt x --validation-steps 1 --num-inference-steps 2 --out g")}) {
    CAPTURE(line[0]);
    const auto run = at.json(line);
    const auto planned = run["memory_plan"]["needed"].get<double>(),
               measured = run["peak_memory_bytes"].get<double>();
    CAPTURE(planned);
    CAPTURE(measured);
    CHECK(planned > 0.9 * measured);
    CHECK(planned < 1.1 * measured);
  }
}

TEST_CASE("a diffusion run that would take more memory than it may says what would fit") {
  const Place at;
  const std::string line = "-n 2 --dropout 0 --max-train-steps 1 --batch-size 4 --resolution 64 ";
  const auto plan = at.json(dreambooth(line + "--out a"))["memory_plan"];
  const double needed = plan["needed"].get<double>(),
               weights = plan["parts"]["weights"].get<double>();
  REQUIRE(needed > 2 * weights);

  const std::string limit = "--memory " + std::to_string((0.7 * needed + 0.3 * weights) / 1e9);
  const Outcome refused = at.run(dreambooth(line + "--out b " + limit));
  CHECK(refused.code == 1);
  CHECK_MESSAGE(refused.err.find("papilio dreambooth: the run needs ") != std::string::npos,
                refused.err);
  CHECK_MESSAGE(
      refused.err.find("It fits with --batch-size 2 --accumulate 2 (") != std::string::npos,
      refused.err);
  CHECK_MESSAGE(refused.err.find("--resolution ") != std::string::npos, refused.err);
  CHECK_FALSE(fs::exists(at / "b/unet"));

  const Outcome chosen = at.run(dreambooth(line + "--out b --fit-memory " + limit));
  CHECK(chosen.code == 0);
  CHECK_MESSAGE(chosen.err.find("the run is --batch-size 2 --accumulate 2") != std::string::npos,
                chosen.err);
  CHECK_MESSAGE(chosen.out.find("pictures of 64x64, latents of ") != std::string::npos, chosen.out);
  CHECK(at.bytes("b/run.toml").find("batch-size = 2\n") != std::string::npos);

  const Outcome none = at.run(dreambooth(line + "--out c --memory 0.00001"));
  CHECK(none.code == 1);
  CHECK_MESSAGE(none.err.find("Not even one picture at a time fits") != std::string::npos,
                none.err);
}

TEST_CASE("blocks that are computed again take less, and a run that needs it is told so") {
  const Place at;
  const std::string line = "-n 2 --dropout 0 --max-train-steps 1 --resolution 64 ";
  const auto peak = [&](const std::string& out, const std::string& more) {
    return at.json(dreambooth(line + more + " --out " + out))["peak_memory_bytes"].get<double>();
  };
  const double off = peak("a", ""), selective = peak("b", "--recompute selective"),
               blocks = peak("c", "--recompute blocks");
  CHECK(blocks < selective);
  CHECK(selective < off);
  const auto plan = at.json(dreambooth(line + "--out d"))["memory_plan"];
  const std::string limit =
      "--memory " + std::to_string((plan["needed"].get<double>() - 1e3) / 1e9) + " --fit-memory";
  const Outcome chosen = at.run(dreambooth(line + "--out e " + limit));
  CHECK_MESSAGE(chosen.code == 0, chosen.err);
  CHECK_MESSAGE(chosen.err.find(" --recompute ") != std::string::npos, chosen.err);
}

TEST_CASE("pictures while a run trains are planned too") {
  const Place at;
  const std::string line =
      "-n 2 --dropout 0 --max-train-steps 1 --resolution 64 --recompute blocks ";
  const std::string pictures = "--validation-prompt x ";
  const auto plain = at.json(dreambooth(line + "--out a"))["memory_plan"],
             seen = at.json(dreambooth(line + pictures + "--out b"))["memory_plan"];
  CHECK(seen["needed"] > plain["needed"]);
  CHECK(seen["parts"]["validation pictures"] ==
        seen["needed"].get<int64_t>() - plain["needed"].get<int64_t>());
  const std::string limit =
      "--memory " + std::to_string((plain["needed"].get<double>() + 1e3) / 1e9);
  at.json(dreambooth(line + limit + " --out c"));
  const Outcome refused = at.run(dreambooth(line + pictures + limit + " --out d"));
  CHECK(refused.code == 1);
  CHECK_MESSAGE(
      refused.err.find("--validation-prompt: making a picture takes ") != std::string::npos,
      refused.err);
}

TEST_CASE("planning the memory of a new pipeline leaves its random numbers and latents alone") {
  const Place at;
  const std::string line =
      "train --data shapes --max-train-steps 3 --batch-size 4 --resolution 32 ";
  at.json(words(line + "--out a"));
  at.json(words(line + "--out b --memory 100 --fit-memory"));
  CHECK(at.bytes("a/unet/diffusion_pytorch_model.safetensors") ==
        at.bytes("b/unet/diffusion_pytorch_model.safetensors"));
  CHECK(at.bytes("a/vae/config.json") == at.bytes("b/vae/config.json"));
}

}  // namespace papilio::test
