// Diffusion models that several processes train: train on captions, dreambooth, controlnet.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "tests/nn/diffusion/drawn_pictures.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/samples/papilio/run/several_ranks.h"

namespace papilio::test {

namespace fs = std::filesystem;

namespace {

// The tiny pipeline `sd`, pictures of a subject in `own`, and pictures with captions and
// conditioning pictures in `shapes`.
struct Place : Ranks {
  Place() {
    fs::copy(golden_diffusion("sd15"), *this / "sd", fs::copy_options::recursive);
    write_captioned(*this / "own", 3, 16);
    fs::remove(*this / "own/metadata.jsonl");
    write_captioned(*this / "shapes", 7, 20, true);
  }
  // The weights that a run has written, file by file.
  std::vector<std::string> weights(const std::string& out) const {
    std::vector<std::string> files, all;
    for (const auto& entry : fs::recursive_directory_iterator(*this / out))
      if (entry.path().filename().string().ends_with("model.safetensors"))
        files.push_back(fs::relative(entry.path(), *this / "."));
    std::ranges::sort(files);
    for (const std::string& file : files) all.push_back(bytes(file));
    return all;
  }
  // As if it had been killed behind that step.
  void forget_behind(const std::string& out, int step) const {
    const std::string kept = "step-0000000" + std::to_string(step) + ".safetensors";
    for (const auto& entry : std::vector(fs::directory_iterator(*this / (out + "/checkpoints")),
                                         fs::directory_iterator()))
      if (entry.path().filename() != kept) fs::remove(entry.path());
    REQUIRE(fs::exists(*this / (out + "/checkpoints/" + kept)));
    for (const char* part : {"unet", "vae", "text_encoder", "controlnet", "model_index.json"})
      fs::remove_all(*this / (out + '/' + part));
  }
};

const std::string kTrain =
    "train --data shapes --resolution 16 --unet-channels 8,8 --vae-channels 8,8 --heads 2 "
    "--text-width 16 --text-layers 1 --vocab-size 540 --batch-size 3 --max-train-steps 4 --ema "
    "0.5 --hflip 0.5 --caption-dropout 0.3 ";
const std::string kDreambooth =
    "dreambooth sd --instance-data-dir own --instance-prompt sks --batch-size 3 --max-train-steps "
    "4 --accumulate 2 --method lora -r 2 --dropout 0.2 --train-text-encoder --snr-gamma 5 "
    "--with-prior-preservation --class-data-dir class --class-steps 1 --class-prompt square ";
const std::string kFourOfClass = "--num-class-images 4 ";
const std::string kControlnet =
    "controlnet sd --data shapes --batch-size 3 --max-train-steps 4 -n 2 --dropout 0 ";

}  // namespace

TEST_CASE("ranks: diffusion models learn as in one process, in parts the same bits, and go on") {
  if (*mpirun == '\0') return;
  const Place at;
  for (const std::string& line : {kTrain, kDreambooth + kFourOfClass, kControlnet}) {
    CAPTURE(line);
    const std::string name = line.substr(0, line.find(' '));
    const auto one = at.json_of(1, line + "--out " + name);
    for (const int n : {2, 3}) {
      const auto many = at.json_of(n, line + "--out " + name + std::to_string(n));
      CHECK(many["steps"] == 4);
      CHECK(many["ranks"] == n);
      CHECK(double(many["train_loss"]) == doctest::Approx(double(one["train_loss"])).epsilon(1e-3));
    }
    const std::string bits =
        line + "--reproducible 3 --checkpoint-steps 2 --keep-checkpoints 9 --out " + name + "-bits";
    at.json_of(1, bits);
    const auto want = at.weights(name + "-bits");
    CHECK(!want.empty());
    for (const int n : {2, 3}) {
      at.json_of(n, bits + std::to_string(n));
      CHECK(at.weights(name + "-bits" + std::to_string(n)) == want);
    }
    at.forget_behind(name + "-bits3", 2);
    at.json_of(2, bits + "3 --resume");
    CHECK(at.weights(name + "-bits3") == want);
  }
  // Made once, by one of them.
  CHECK(std::distance(fs::directory_iterator(at / "class"), fs::directory_iterator()) == 4);
}

TEST_CASE("ranks: pictures while several train are made by one, and change nothing") {
  if (*mpirun == '\0') return;
  const Place at;
  at.json_of(2, kControlnet + "--out plain");
  const auto seen =
      at.json_of(2, kControlnet +
                        "--validation-prompt square --validation-image shapes/c0.png "
                        "--validation-steps 2 --num-validation-images 1 --num-inference-steps 2 "
                        "--adapter-name one --out seen");
  CHECK(seen["validation_pictures"].size() == 2);
  fs::remove_all(at / "seen/unet/one");
  CHECK(at.weights("seen") == at.weights("plain"));
}

TEST_CASE("ranks: a diffusion run of several speaks once") {
  if (*mpirun == '\0') return;
  const Place at;
  const Outcome shown = at.run_ranks(3, kControlnet + "--out run");
  CHECK_MESSAGE(shown.code == 0, shown.err);
  for (const std::string part : {"7 pictures with captions", "3 ranks on 1 host (", "run: "}) {
    CAPTURE(part);
    const size_t first = shown.out.find(part);
    REQUIRE_MESSAGE(first != shown.out.npos, shown.out);
    CHECK(shown.out.find(part, first + 1) == shown.out.npos);
  }
  CHECK(fs::exists(at / "run/results.json"));
}

TEST_CASE("ranks: a signal while pictures of the class are made ends all, and those made stay") {
  if (*mpirun == '\0') return;
  const Place at;
  const Outcome stopped =
      at.run(Ranks::line(2, kDreambooth + "--num-class-images 100000 --quiet --out run"),
             [&](int launcher) {
               wait_for(at / "class/class-0.png");
               const std::vector<int> ids = ranks_of(launcher);
               REQUIRE(ids.size() == 2);
               ::kill(ids[0], SIGTERM);
               KilledAfter{30}(launcher);
             });
  CHECK_MESSAGE(stopped.code == 128 + SIGTERM, stopped.err);
  CHECK(fs::exists(at / "class/class-0.png"));
  CHECK(!fs::exists(at / "run"));
}

TEST_CASE("ranks: a signal to another rank while pictures of the class are made is not lost") {
  if (*mpirun == '\0') return;
  const Place at;
  const Outcome stopped = at.run(
      Ranks::line(2, kDreambooth + "--num-class-images 300 --quiet --out run"), [&](int launcher) {
        wait_for(at / "class/class-0.png");
        const std::vector<int> ids = ranks_of(launcher);
        REQUIRE(ids.size() == 2);
        ::kill(ids[1], SIGTERM);
        KilledAfter{60}(launcher);
      });
  CHECK_MESSAGE(stopped.code == 128 + SIGTERM, stopped.err);
  CHECK(!fs::exists(at / "run"));
}

}  // namespace papilio::test
