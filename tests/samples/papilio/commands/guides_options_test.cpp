// What PEFT's guides have beside a method: a rate of a sample, blocks computed again, pictures
// while it trains, folders of steps.
#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "tests/samples/papilio/diffusion/diffusion_place.h"
#include "tests/samples/papilio/program.h"

using namespace papilio;
namespace fs = std::filesystem;
using Place = test::DiffusionPlace;
using test::Outcome;
using test::words;

TEST_CASE("dreambooth: the guides' words for a rate of a sample and for blocks computed again") {
  const Place at;
  const std::string rest = "--method lora -r 2 --dropout 0.3 --batch-size 3 --accumulate 2 --out ";
  const auto line = [&](const std::string& more) {
    std::vector<std::string> all =
        words("dreambooth sd --instance-data-dir own --max-train-steps 3 " + rest + more);
    all.insert(all.end(), {"--instance-prompt", "a sks square"});
    return all;
  };
  at.json(line("plain --lr 6e-3"));
  const Outcome scaled = at.run(line("scaled --lr 1e-3 --scale_lr --gradient_checkpointing"));
  CHECK_MESSAGE(scaled.code == 0, scaled.err);
  CHECK_MESSAGE(
      scaled.out.find("rate 0.006: 0.001 of a sample times 6 (--scale-lr)") != std::string::npos,
      scaled.out);
  const std::string settings = at.bytes("scaled/run.toml");
  CHECK(settings.find("\nlr = 0.006\n") != std::string::npos);
  CHECK(settings.find("\nrecompute = \"blocks\"\n") != std::string::npos);
  CHECK(settings.find("scale-lr") == std::string::npos);
  const std::string file = "/unet/adapter_model.safetensors";
  CHECK(at.bytes("scaled" + file) == at.bytes("plain" + file));
  // run.toml has the rate as it is: nothing is scaled again.
  at.json(words("dreambooth --config scaled/run.toml --out again"));
  CHECK(at.bytes("again" + file) == at.bytes("plain" + file));
  test::check_refused(at, {{"dreambooth --config scaled/run.toml --scale-lr --out twice", 2,
                            "--scale-lr: the rate of run.toml is that of a step already"}});
}

TEST_CASE("dreambooth: pictures while it trains change nothing, and are seen") {
  const Place at;
  const std::string rest =
      "--method lora -r 2 --dropout 0.3 --batch-size 2 --hflip 0.5 --checkpoint-steps 3 --ema 0.5 "
      "--out ";
  const std::string pictures =
      " --validation-prompt sks --num-validation-images 2 --num-inference-steps 2 "
      "--validation-steps ";
  const std::string file = "/unet/adapter_model.safetensors";
  at.json(at.dreambooth(rest + "plain", "6"));
  const auto made = at.json(at.dreambooth(rest + "seen" + pictures + "2", "6"));
  CHECK(at.bytes("seen" + file) == at.bytes("plain" + file));
  REQUIRE(made["validation_pictures"].size() == 6);
  CHECK(made["validation_pictures"][0] == "validation/step-00000002-0.png");
  CHECK(made["validation_pictures"][5] == "validation/step-00000006-1.png");
  const auto picture = [&](const std::string& out, const std::string& name) {
    return at.bytes(out + "/validation/step-0000000" + name + ".png");
  };
  CHECK(picture("seen", "2-0") != picture("seen", "2-1"));  // another seed
  CHECK(picture("seen", "2-0") != picture("seen", "6-0"));  // it has learned
  CHECK(nn::read_image(at / "seen/validation/step-00000002-0.png").width == 16);
  const std::string page = at.bytes("seen/report.html");
  for (const char* text : {"What it makes, step by step", "step 2", "step 6", "sks"})
    CHECK_MESSAGE(page.find(text) != std::string::npos, text);
  // The last one is what the result makes.
  at.json(words("generate sd --adapter seen --prompt sks --steps 2 --out result"));
  CHECK(at.bytes("result/0.png") == picture("seen", "6-0"));

  // Killed after its third step, it makes those that are missing and ends with the same bytes.
  at.json(at.dreambooth(rest + "parts" + pictures + "3", "6"));
  const std::string third = picture("parts", "3-1");
  at.forget_behind("parts", "6", {"unet"});
  fs::remove(at / "parts/validation/step-00000003-1.png");
  test::write_bytes(at / "parts/validation/step-x.png", "another's");
  at.json(words("dreambooth --config parts/run.toml --resume"));
  CHECK(at.bytes("parts/validation/step-x.png") == "another's");
  CHECK(at.bytes("parts" + file) == at.bytes("plain" + file));
  CHECK(picture("parts", "3-1") == third);
  // A new run leaves none of an old one's.
  at.json(at.dreambooth(rest + "seen --overwrite", "6"));
  CHECK_FALSE(fs::exists(at / "seen/validation/step-00000002-0.png"));
}

TEST_CASE("dreambooth: what cannot be written while it trains is a warning, and the run goes on") {
  Place at;
  at.set_faults("write rename", "step-00000002-");
  const Outcome run = at.run(at.dreambooth(
      "--method lora -r 2 --validation-prompt sks --validation-steps 2 --num-validation-images 1 "
      "--num-inference-steps 1 --out run"));
  CHECK_MESSAGE(run.code == 0, run.err);
  CHECK_MESSAGE(run.err.find("warning: step 2: cannot write run/validation/step-00000002-0.png") !=
                    std::string::npos,
                run.err);
  CHECK_FALSE(fs::exists(at / "run/validation/step-00000002-0.png"));
  CHECK(fs::exists(at / "run/unet/adapter_model.safetensors"));
}

TEST_CASE("dreambooth: pictures come after the last step too") {
  const Place at;
  at.json(
      at.dreambooth("--method lora -r 2 --validation-prompt sks --validation-steps 2 "
                    "--num-validation-images 1 --num-inference-steps 1 --out run",
                    "3"));
  for (const char* step : {"2", "3"})
    CHECK(fs::exists(at / ("run/validation/step-0000000" + std::string(step) + "-0.png")));
}

TEST_CASE("dreambooth: a signal while pictures are made ends the run, which goes on") {
  const Place at;
  const std::string rest =
      "--method lora -r 2 --validation-prompt sks --validation-steps 1 --quiet --out run "
      "--num-validation-images ";
  const Outcome stopped = at.run(at.dreambooth(rest + "1000", "4"), [&](int process) {
    while (!fs::exists(at / "run/validation/step-00000001-0.png") && !test::has_ended(process)) {
    }
    ::kill(process, SIGTERM);
    test::KilledAfter{60}(process);
  });
  CHECK_MESSAGE(stopped.code == 128 + SIGTERM, stopped.err);
  CHECK_MESSAGE(stopped.err.find("interrupted after step 1") != std::string::npos, stopped.err);
  CHECK_FALSE(fs::exists(at / "run/validation/step-00000001-999.png"));
  CHECK(fs::exists(at / "run/unet/adapter_model.safetensors"));
  const Outcome resumed = at.run(at.dreambooth(rest + "1 --resume", "4"));
  CHECK_MESSAGE(resumed.code == 0, resumed.err);
  CHECK(fs::exists(at / "run/validation/step-00000004-0.png"));
}

TEST_CASE("dreambooth: adapters of every step lie where PEFT's guide looks for them") {
  const Place at;
  const std::string rest =
      "--method lora -r 2 --train-text-encoder --checkpoint-steps 2 --adapter-name sks_1 --out ";
  at.json(at.dreambooth(rest + "run", "5"));
  for (const std::string part : {"unet", "text_encoder"}) {
    const std::string place = "run/" + part + '/';
    for (const char* step : {"2", "4", "5"})
      CHECK(fs::exists(at / (place + step + "/sks_1/adapter_config.json")));
    CHECK(at.bytes(place + "5/sks_1/adapter_model.safetensors") ==
          at.bytes(place + "adapter_model.safetensors"));
    CHECK(at.bytes(place + "2/sks_1/adapter_model.safetensors") !=
          at.bytes(place + "4/sks_1/adapter_model.safetensors"));
  }
  // Resumed when it is done, a run keeps what it took.
  const auto before = nlohmann::json::parse(at.bytes("run/results.json"));
  at.json(words("dreambooth --config run/run.toml --resume"));
  const auto after = nlohmann::json::parse(at.bytes("run/results.json"));
  CHECK(before["seconds"].get<double>() > 0);
  CHECK(after["seconds"].get<double>() == doctest::Approx(before["seconds"].get<double>()));
  // Killed between its fourth step's checkpoint and adapters, a run has them when it goes on.
  at.json(at.dreambooth(rest + "killed", "5"));
  at.forget_behind("killed", "5", {"unet", "text_encoder"});
  at.json(words("dreambooth --config killed/run.toml --resume"));
  for (const char* adapter : {"/unet/4/sks_1/", "/text_encoder/4/sks_1/", "/unet/5/sks_1/"}) {
    const std::string file = std::string(adapter) + "adapter_model.safetensors";
    CHECK(at.bytes("killed" + file) == at.bytes("run" + file));
  }
  // As it lies after the guide's script: without a result of ours.
  fs::create_directories(at / "guide");
  for (const std::string part : {"unet", "text_encoder"}) {
    fs::copy(at / ("run/" + part), at / ("guide/" + part), fs::copy_options::recursive);
    for (const char* name : {"adapter_config.json", "adapter_model.safetensors"})
      fs::remove(at / ("guide/" + part + '/' + name));
  }
  const auto shown = at.json(words("inspect guide"));
  CHECK(shown["kind"] == "pipeline_adapters");
  CHECK(shown["parts"]["unet"]["path"] == "guide/unet/5/sks_1");
  CHECK(shown["parts"]["text_encoder"]["config"]["peft_type"] == "LORA");
  const nn::Image last = at.picture("last", "sd --adapter run");
  CHECK(at.picture("guide-last", "sd --adapter guide") == last);
  const nn::Image second = at.picture("second", "sd --adapter guide --adapter-step 2");
  CHECK(second != last);
  CHECK(at.picture("second-of-run", "sd --adapter run --adapter-step 2") == second);
  CHECK(at.picture("named",
                   "sd --adapter guide/unet/2/sks_1 --text-encoder-adapter "
                   "guide/text_encoder/2/sks_1") == second);
  const std::string generate = "generate sd --prompt x --steps 1 --out o --adapter ";
  test::check_refused(at, {{generate + "guide --adapter-step 3", 1,
                            "guide/unet: holds no adapter of step 3; the last one is of step 5"},
                           {"generate sd --prompt x --out o --adapter-step 3", 2,
                            "--adapter-step: has a meaning only with --adapter"},
                           {"dreambooth sd --instance-data-dir own --instance-prompt x --out guide",
                            2, "--out: guide holds an adapter already"}});
  fs::copy(at / "guide/unet/5/sks_1", at / "guide/unet/5/other", fs::copy_options::recursive);
  test::check_refused(at, {{generate + "guide", 1,
                            "guide/unet/5: holds several adapters, other, sks_1; give the folder "
                            "of one"}});
  fs::create_directories(at / "guide/text_encoder/9");
  fs::remove_all(at / "guide/unet/5/other");
  test::check_refused(at, {{generate + "guide", 1,
                            "guide/text_encoder: step 9 holds no adapter; --adapter-step 5 takes "
                            "the last one that does"}});
  // Another run takes the place of all of them.
  at.json(at.dreambooth("--method lora -r 2 --overwrite --out run", "1"));
  CHECK_FALSE(fs::exists(at / "run/unet/5"));
  CHECK_FALSE(fs::exists(at / "run/text_encoder"));
}

TEST_CASE("controlnet: pictures while it trains, steered, and the adapter under the guide's name") {
  const Place at;
  const std::string rest =
      "controlnet sd --data shapes -n 2 --dropout 0 --lr 1e-2 --max-train-steps 4 ";
  const auto made =
      at.json(words(rest + "--validation-prompt square --validation-image shapes/c0.png "
                           "--validation-prompt circle --validation-image shapes/c2.png "
                           "--validation-steps 4 --num-validation-images 1 --num-inference-steps 2 "
                           "--adapter-name run_1 --out steered"));
  REQUIRE(made["validation_pictures"].size() == 2);
  at.json(
      words("generate sd --adapter steered --control shapes/c0.png --prompt square --steps 2 "
            "--out made"));
  CHECK(at.bytes("made/0.png") == at.bytes("steered/validation/step-00000004-0.png"));
  CHECK(at.bytes("steered/unet/run_1/adapter_model.safetensors") ==
        at.bytes("steered/unet/adapter_model.safetensors"));
  at.json(words(rest + "--out plain"));
  for (const char* file : {"/unet/adapter_model.safetensors", "/controlnet/model.safetensors"})
    CHECK(at.bytes(std::string("plain") + file) == at.bytes(std::string("steered") + file));
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors"})
    fs::remove(at / (std::string("steered/unet/") + name));
  at.json(
      words("generate sd --adapter steered --control shapes/c0.png --prompt square --steps 2 "
            "--out guide"));
  CHECK(at.bytes("guide/0.png") == at.bytes("made/0.png"));
  // What the guide's script leaves is not written over unasked, and goes where it is asked.
  for (const char* part : {"controlnet", "unet/run_1"}) {
    fs::create_directories(at / ("left/" + std::string(part)));
    fs::copy(at / ("steered/" + std::string(part)), at / ("left/" + std::string(part)),
             fs::copy_options::recursive);
  }
  test::check_refused(at, {{rest + "--out left", 2, "--out: left holds an adapter already"}});
  at.json(words(rest + "--overwrite --out left"));
  CHECK_FALSE(fs::exists(at / "left/unet/run_1"));
  const std::string wrong = rest + "--out w --validation-prompt square ";
  test::check_refused(
      at, {{wrong, 2, "--validation-image: expected with --validation-prompt"},
           {wrong + "--validation-prompt circle --validation-prompt red --validation-image "
                    "shapes/c0.png --validation-image shapes/c2.png",
            2, "--validation-image: expected one for all prompts, or one for each of 3, got 2"},
           {rest + "--out w --validation-image shapes/c0.png", 2,
            "--validation-image: has a meaning only with --validation-prompt"},
           {wrong + "--validation-image none.png", 1, "none.png"}});
}
