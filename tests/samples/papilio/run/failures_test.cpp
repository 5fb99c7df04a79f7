// Runs that meet trouble: what they keep, what they say, and how they go on.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/paths.h"
#include "tests/samples/papilio/program.h"
#include "tests/samples/papilio/run/two_classes.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

void break_pictures(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) write_bytes(entry.path(), "broken");
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    names.insert(entry.path().filename());
  return names;
}

}  // namespace

TEST_CASE("a best epoch that a full disk did not keep: a later, worse one is not taken for it") {
  if (*faults_library == '\0') return;
  Workplace at;
  const std::string line =
      "train --classes 0-3 --epochs 8 --lr 0.01 --schedule constant --save best --patch-size 4 "
      "--hidden-size 16 --layers 1 --heads 2 --quiet --out ";
  at.json(words(line + "whole"));
  at.set_environment("LD_PRELOAD", faults_library);
  at.set_environment("PAPILIO_FAULT_CALLS", "rename");
  at.set_environment("PAPILIO_FAULT_PATH", "/best.safetensors");
  at.set_environment("PAPILIO_FAULT_FROM", "2");  // the first epoch is kept, no other
  const Outcome failed = at.run(words(line + "stuck"));
  CHECK(failed.code == 1);
  CHECK(failed.err.find("warning: the best epoch is not kept: cannot write stuck/checkpoints/"
                        "best.safetensors: No space left on device") != std::string::npos);
  CHECK(failed.err.find("papilio train: --save best: the best epoch, ") != std::string::npos);
  CHECK(failed.err.find(" is in stuck\n") != std::string::npos);
  // One failure in the middle: the next better epoch is kept, and all is well.
  at.set_environment("PAPILIO_FAULT_TO", "2");
  const Outcome once = at.run(words(line + "once"));
  CHECK(once.code == 0);
  CHECK(at.bytes("once/model.safetensors") == at.bytes("whole/model.safetensors"));
}

TEST_CASE("a picture that breaks the validation costs nothing: the epoch's checkpoint is there") {
  const Workplace at;
  write_pictures(at / "photos/train", 12);
  write_pictures(at / "photos/val", 4);
  const std::string line = "train --data photos --test-share 0 --epochs 3" + kSmall;
  at.json(words(line + "--out whole"));
  const std::string good = at.bytes("photos/val/dark/0.png");
  write_bytes(at / "photos/val/dark/0.png", "broken");
  const Outcome failed = at.run(words(line + "--out run"));
  CHECK(failed.code == 1);
  CHECK(failed.err ==
        "papilio train: photos/val/dark/0.png: expected a JPEG or PNG picture, got no picture; the "
        "model of step 3 is in run\ngo on with: papilio train --config run/run.toml --resume\n");
  write_bytes(at / "photos/val/dark/0.png", good);
  at.json(words("train --config run/run.toml --resume"));
  CHECK(at.bytes("run/model.safetensors") == at.bytes("whole/model.safetensors"));
  // And one that breaks training goes on from the step before.
  // The first of three batches holds eight pictures: of nine, one is behind it.
  std::string said = "; nothing is written";
  for (int i = 0; i < 9 && said.find("; nothing is written") != std::string::npos; ++i) {
    const std::string picture = "photos/train/light/" + std::to_string(i) + ".png";
    const std::string other = at.bytes(picture);
    write_bytes(at / picture, "broken");
    const Outcome stopped = at.run(words(line + "--out part"));
    CHECK(stopped.code == 1);
    said = stopped.err;
    write_bytes(at / picture, other);
  }
  REQUIRE_MESSAGE(said.find("nothing is written") == std::string::npos, said);
  at.json(words("train --config part/run.toml --resume"));
  CHECK(at.bytes("part/model.safetensors") == at.bytes("whole/model.safetensors"));
}

TEST_CASE("a test part that cannot be read is a warning beside the model") {
  const Workplace at;
  write_pictures(at / "photos/train", 12);
  write_pictures(at / "photos/test", 4);
  break_pictures(at / "photos/test/light");
  const Outcome outcome = at.run(words("train --data photos --epochs 1 --json --out m" + kSmall));
  CHECK(outcome.code == 0);
  CHECK(outcome.err.find("warning: the test part was not evaluated: photos/test/light/0.png: "
                         "expected a JPEG or PNG") != std::string::npos);
  CHECK(nlohmann::json::parse(outcome.out)["test_accuracy"].is_null());
  CHECK(fs::exists(at / "m/config.json"));
}

TEST_CASE("a run that fails before its first step leaves what --overwrite would have replaced") {
  const Workplace at;
  write_pictures(at / "photos", 12);
  at.json(words("train --data photos --epochs 1 --out m" + kSmall));
  at.json(words("finetune m --data photos --epochs 1 --out a"));
  const std::string model = at.bytes("m/model.safetensors"),
                    adapter = at.bytes("a/adapter_model.safetensors");
  const auto files = names_in(at / "m");
  break_pictures(at / "photos/dark");
  break_pictures(at / "photos/light");
  for (const std::string line : {"train --data photos --overwrite --out m",
                                 "finetune m --data photos --overwrite --out a"}) {
    const Outcome outcome = at.run(words(line + (line[0] == 't' ? kSmall + "--image-size 8" : "")));
    CHECK(outcome.code == 1);
    const std::string stays = str("; the result in ", line.back(), " is still the one before\n");
    CHECK_MESSAGE(outcome.err.find(stays) != std::string::npos, outcome.err);
  }
  CHECK(at.bytes("m/model.safetensors") == model);
  CHECK(at.bytes("a/adapter_model.safetensors") == adapter);
  CHECK(names_in(at / "m") == files);
}

TEST_CASE("--overwrite leaves nothing of the run before") {
  const Workplace at;
  write_pictures(at / "photos", 12);
  const std::string digits =
      "train --classes 0-4 --patch-size 4 --epochs 1 --batch-size 100 "
      "--hidden-size 16 --layers 1 --heads 2 --quiet --out ";
  at.json(words("train --data photos --epochs 2 --out m" + kSmall));
  write_bytes(at / "m/checkpoints/.step-00000099.safetensors.tmp", "half");
  at.json(words(digits + "fresh"));
  at.json(words(digits + "m --overwrite"));
  CHECK(names_in(at / "m") == names_in(at / "fresh"));
  CHECK(names_in(at / "m/checkpoints") == names_in(at / "fresh/checkpoints"));
  CHECK(names_in(at / "m/tensorboard").size() == 1);
  at.json(words("evaluate m"));
  // An adapter without names over one that has some.
  at.json(words("finetune m --classes 5-6 --epochs 1 -b 4 -m 2 --out foreign"));
  at.json(words("finetune m --classes 8-9 --epochs 1 -b 4 -m 2 --out named"));
  fs::remove(at / "foreign/id2label.json");
  at.json(words("convert foreign --to peft --overwrite --out named"));
  CHECK(!fs::exists(at / "named/id2label.json"));
  CHECK(!fs::exists(at / "named/run.toml"));
}

TEST_CASE("logs that cannot grow are a warning; the run goes on to the same model") {
  Workplace at;
  const std::string line =
      "train --classes 0-1 --batch-size 4 --epochs 8 --patch-size 4 "
      "--hidden-size 8 --layers 1 --heads 1 --quiet --out ";
  at.json(words(line + "whole"));
  // 40 kB a file are enough for the model and its checkpoints.
  const auto before = [] {
    rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    return limit;
  }();
  signal(SIGXFSZ, SIG_IGN);
  const rlimit small{40'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const Outcome outcome = at.run(words(line + "small"));
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_DFL);
  CHECK(outcome.code == 0);
  CHECK(outcome.err.find(": cannot be written: File too large\n") != std::string::npos);
  const size_t said = outcome.err.find("small/tensorboard/");  // once; the report is too large too
  CHECK(said != std::string::npos);
  CHECK(outcome.err.find("small/tensorboard/", said + 1) == std::string::npos);
  CHECK(at.bytes("small/model.safetensors") == at.bytes("whole/model.safetensors"));
}

TEST_CASE("a result that cannot be written: the checkpoint and the way to go on are named") {
  if (*faults_library == '\0') return;
  Workplace at;
  const std::string line =
      "train --classes 0-1 --epochs 2 --patch-size 4 --hidden-size 16 --layers 1 --heads 2 "
      "--quiet ";
  at.json(words(line + "--out whole"));
  at.set_environment("LD_PRELOAD", faults_library);
  at.set_environment("PAPILIO_FAULT_CALLS", "write");
  at.set_environment("PAPILIO_FAULT_PATH", "/my run/.model.safetensors");
  std::vector<std::string> named = words(line + "--out");
  named.emplace_back("my run");
  const Outcome outcome = at.run(named);
  CHECK(outcome.code == 1);
  CHECK(outcome.err ==
        "papilio train: cannot write my run/model.safetensors: No space left on device (write)\n"
        "go on with: papilio train --config 'my run/run.toml' --resume\n");
  at.set_environment("LD_PRELOAD", "");
  at.json({"train", "--config", "my run/run.toml", "--resume"});
  CHECK(at.bytes("my run/model.safetensors") == at.bytes("whole/model.safetensors"));
}

TEST_CASE("an old run whose files cannot be removed: its result stays, and is said to be there") {
  if (*faults_library == '\0') return;
  Workplace at;
  train_base(at);
  at.set_environment("LD_PRELOAD", faults_library);
  at.set_environment("PAPILIO_FAULT_CALLS", "remove");
  at.set_environment("PAPILIO_FAULT_PATH", "base/");
  at.set_environment("PAPILIO_FAULT_FROM", "2");
  const std::string model = at.bytes("base/model.safetensors");
  const Outcome outcome =
      at.run(words("train --classes 0-1 --overwrite --quiet --out base " + kTinyModel));
  CHECK(outcome.code == 1);
  CHECK_MESSAGE(
      outcome.err.find(
          ": cannot be removed: No space left on device; the result in base is still the one "
          "before\n") != std::string::npos,
      outcome.err);
  at.set_environment("LD_PRELOAD", "");
  CHECK(at.bytes("base/model.safetensors") == model);
  at.json(words("evaluate base"));
}

TEST_CASE("--overwrite: the old result stays until the new one is there, whatever ends the run") {
  const Workplace at;
  train_base(at);
  const std::string model = at.bytes("base/model.safetensors"),
                    report = at.bytes("base/report.html"), settings = at.bytes("base/run.toml");
  // Killed in the middle: the old model answers, and its own settings are known.
  const std::string line =
      "train --classes 0-1 --patch-size 4 --hidden-size 16 --layers 1 --heads 2 --quiet ";
  const Outcome killed =
      at.run(words(line + "--epochs 100000 --overwrite --out base"), [&](int process) {
        while (!fs::exists(at / "base/.result.toml") ||
               at.bytes("base/log.csv").find("\n1,") == std::string::npos)
          usleep(5000);
        kill(process, SIGKILL);
      });
  CHECK(killed.code == 128 + SIGKILL);
  CHECK(at.bytes("base/model.safetensors") == model);
  CHECK(at.bytes("base/report.html") == report);
  CHECK(at.bytes("base/.result.toml") == settings);
  CHECK(at.bytes("base/run.toml") != settings);
  at.json(words("evaluate base"));
  // One that ends well takes its place, and nothing of the other two is left.
  at.json(words(line + "--epochs 1 --overwrite --out base"));
  at.json(words(line + "--epochs 1 --out fresh"));
  CHECK(names_in(at / "base") == names_in(at / "fresh"));
  CHECK(at.bytes("base/model.safetensors") == at.bytes("fresh/model.safetensors"));
}

TEST_CASE("a trained model that answers NaN takes no good one's place") {
  const Workplace at;
  train_base(at);
  const std::string model = at.bytes("base/model.safetensors");
  // One step: its loss is finite, what it makes of the weights is not.
  const std::string line =
      "train --classes 0-1 --epochs 1 --batch-size 1000 --lr 1e38 --warmup 0 --patch-size 4 "
      "--hidden-size 16 "
      "--layers 1 --heads 2 --quiet ";
  const Outcome outcome = at.run(words(line + "--overwrite --out base"));
  CHECK(outcome.code == 1);
  CHECK_MESSAGE(outcome.err.find(
                    "papilio train: the model gives no number; the result in base is still the one "
                    "before\n") != std::string::npos,
                outcome.err);
  CHECK(at.bytes("base/model.safetensors") == model);
  at.json(words("evaluate base"));
  // An adapter in another form.
  at.json(words("finetune base --classes 2-4 --epochs 1 -t query -b 4 -m 1 --out a"));
  at.json(words("convert a --to compact --out small"));
  const std::string good = at.bytes("small/adapter_model.compact.safetensors");
  auto file = load_safetensors(at / "a/adapter_model.safetensors");
  for (auto& [key, tensor] : file.tensors) tensor = full(tensor.shape(), std::nan(""));
  save_safetensors(at / "a/adapter_model.safetensors", file.tensors, file.metadata);
  const Outcome converted = at.run(words("convert a --to compact --overwrite --quiet --out small"));
  CHECK(converted.code == 1);
  CHECK(
      converted.err.find("holds numbers that are not finite; what is in small stays as it is\n") !=
      std::string::npos);
  CHECK(at.bytes("small/adapter_model.compact.safetensors") == good);
}

TEST_CASE("a run that diverges names no other run's checkpoint, and no way to go on") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 0-1 --epochs 1 -t query -b 4 -m 1 --out a"));
  auto file = load_safetensors(at / "base/model.safetensors");
  fill_(file.tensors.at("vit.layernorm.weight"), std::nan(""));
  save_safetensors(at / "base/model.safetensors", file.tensors, file.metadata);
  const Outcome outcome = at.run(
      words("finetune base --classes 0-1 --epochs 1 -t query -b 4 -m 1 --overwrite --quiet --out "
            "a"));
  CHECK(outcome.code == 1);
  CHECK_MESSAGE(
      outcome.err.find("; there is no checkpoint yet; the result in a is still the one before\n") !=
          std::string::npos,
      outcome.err);
  CHECK(outcome.err.find("go on with") == std::string::npos);
}

TEST_CASE("the best epoch alone is enough to go on from, on standard error and in report.html") {
  if (*faults_library == '\0') return;
  Workplace at;
  at.set_environment("LD_PRELOAD", faults_library);
  at.set_environment("PAPILIO_FAULT_CALLS", "rename");
  at.set_environment("PAPILIO_FAULT_PATH", "checkpoints/step-");
  const Outcome outcome =
      at.run(words("train --classes 0-1 --epochs 100000 --patch-size 4 --hidden-size 16 --layers 1 "
                   "--heads 2 --quiet --out m"),
             [&](int process) {
               while (at.bytes("m/log.csv").find("\n1,") == std::string::npos) usleep(5000);
               kill(process, SIGINT);
             });
  CHECK(outcome.code == 1);
  const std::string command = "papilio train --config m/run.toml --resume";
  CHECK_MESSAGE(outcome.err.find("go on with: " + command + '\n') != std::string::npos,
                outcome.err);
  CHECK(at.bytes("m/report.html").find(command) != std::string::npos);
}

TEST_CASE("the averaged weights are what an interrupted run shows") {
  const Workplace at;
  const std::string line =
      "train --classes 0-1 --epochs 100000 --patch-size 4 --hidden-size 16 --layers 1 --heads 2 "
      "--quiet --ema 0.999 --out m";
  const Outcome outcome = at.run(words(line), [&](int process) {
    while (at.bytes("m/log.csv").find("\n1,") == std::string::npos) usleep(5000);
    kill(process, SIGINT);
  });
  CHECK(outcome.code == 130);
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(at / "m/checkpoints")) {
    if (entry.path().filename().string().starts_with("step-"))
      newest = std::max(newest, entry.path());
  }
  const auto state = load_safetensors(newest).tensors;
  const auto model = load_safetensors(at / "m/model.safetensors").tensors;
  const std::string name = "classifier.weight";
  CHECK(model.at(name).to_vector<float>() == state.at("average." + name).to_vector<float>());
  CHECK(model.at(name).to_vector<float>() != state.at("model." + name).to_vector<float>());
}

TEST_CASE("--resume: the best where no other checkpoint is whole; other threads are said") {
  const Workplace at;
  const std::string line =
      "train --classes 0-1 --epochs 4 --patch-size 4 --hidden-size 16 --layers 1 --heads 2 "
      "--threads 1 --out m";
  at.json(words(line));
  const std::string model = at.bytes("m/model.safetensors");
  for (const auto& entry : fs::directory_iterator(at / "m/checkpoints")) {
    if (entry.path().filename().string().starts_with("step-")) write_bytes(entry.path(), "half");
  }
  const Outcome outcome = at.run(words("train --config m/run.toml --resume --quiet"));
  CHECK(outcome.code == 0);
  CHECK(outcome.err.find("trying the one before") != std::string::npos);
  CHECK(at.bytes("m/model.safetensors") == model);
  const Outcome threads = at.run(words("train --config m/run.toml --resume --quiet --threads 2"));
  CHECK(threads.code == 0);
  CHECK(threads.err.find("papilio train: warning: --resume: the run began with 1 threads, now it "
                         "has 2: ") != std::string::npos);
}

TEST_CASE("a model that answers NaN has no accuracy and predicts nothing") {
  const Workplace at;
  train_base(at);
  auto file = load_safetensors(at / "base/model.safetensors");
  fill_(file.tensors.at("classifier.bias"), std::nan(""));
  save_safetensors(at / "base/model.safetensors", file.tensors, file.metadata);
  const Outcome outcome = at.run(words("evaluate base --quiet"));
  CHECK(outcome.code == 1);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.find("papilio evaluate: the model gives no number for ") != std::string::npos);
  const Outcome predicted = at.run(words("predict base --digit 3-4"));
  CHECK(predicted.code == 1);
  CHECK(predicted.out.empty());
  CHECK(predicted.err.find("papilio predict: digit 3: the model gives no number for it") !=
        std::string::npos);
}

TEST_CASE("--save best: where the best epoch's file is damaged, what is had instead is said") {
  const Workplace at;
  at.json(
      words("train --classes 0-3 --epochs 6 --lr 0.01 --save best --patch-size 4 --hidden-size 16 "
            "--layers 1 --heads 2 --out m"));
  write_bytes(at / "m/checkpoints/best.safetensors", "half");
  const Outcome outcome = at.run(words("train --config m/run.toml --resume --quiet"));
  CHECK(outcome.err.find("warning: m/checkpoints/best.safetensors: ") != std::string::npos);
  // The last epoch's weights are the best that is left, and may be the best there was.
  CHECK((outcome.code == 0) == (outcome.err.find("could not be kept; these") == std::string::npos));
  const Outcome again = at.run(words("train --config m/run.toml --resume --quiet"));
  CHECK(again.err.find("warning: m/checkpoints") == std::string::npos);
  CHECK(again.code == outcome.code);
}

}  // namespace papilio::test
