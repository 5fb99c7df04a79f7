// Runs that meet trouble: what they keep, what they say, and how they go on.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/copy.h"
#include "tensor/files/safetensors.h"
#include "tests/paths.h"
#include "tests/samples/papilio/program.h"
#include "tests/samples/papilio/run/two_classes.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

}  // namespace

TEST_CASE("a folder that may not be written is refused with that reason, at once") {
  const Workplace at("/bin/sh");
  fs::create_directories(at / "closed");
  fs::permissions(at / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  // The superuser may write everywhere, but for what setpriv takes away.
  const std::string less =
      ::geteuid() == 0 ? "setpriv --bounding-set=-dac_override,-dac_read_search " : "";
  const auto run = [&](const std::string& command, const std::string& out) {
    return at.run({"-c", less + '"' + papilio_program + "\" " + command + " --out " + out});
  };
  if (at.run({"-c", less + "true"}).code != 0) return;
  for (const std::string command : {"train --epochs 1", "demo"}) {
    const std::string who = "papilio " + command.substr(0, command.find(' '));
    const Outcome in = run(command, "closed"), below = run(command, "closed/a");
    CHECK(in.code == 1);
    CHECK(in.err.ends_with(who + ": closed: cannot be written: Permission denied\n"));
    CHECK(below.code == 1);
    CHECK(below.err.ends_with(who + ": closed/a: cannot be made: Permission denied\n"));
  }
  CHECK(fs::is_empty(at / "closed"));
  fs::permissions(at / "closed", fs::perms::owner_all);
}

TEST_CASE("a best epoch that a full disk did not keep: a later, worse one is not taken for it") {
  if (*faults_library == '\0') return;
  Workplace at;
  const std::string line =
      "train --classes 0-3 --epochs 8 --lr 0.01 --schedule constant --save best --patch-size 4 "
      "--hidden-size 16 --layers 1 --heads 2 --quiet --out ";
  at.json(words(line + "whole"));
  at.set_faults("rename", "/best.safetensors", 2);  // the first epoch is kept, no other
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
  const Outcome mended = at.run(words("train --config run/run.toml --resume --quiet"));
  CHECK(mended.code == 0);
  CHECK_MESSAGE(
      mended.err.starts_with(
          "papilio train: warning: --resume: the run began with data.validation = 8 samples, "),
      mended.err);
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
  CHECK(at.run(words("train --config part/run.toml --resume --quiet")).code == 0);
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
  at.set_faults("write", "/my run/.model.safetensors");
  std::vector<std::string> named = words(line + "--out");
  named.emplace_back("my run");
  const Outcome outcome = at.run(named);
  CHECK(outcome.code == 1);
  CHECK(outcome.err ==
        "papilio train: cannot write my run/model.safetensors: No space left on device (write)\n"
        "go on with: papilio train --config 'my run/run.toml' --resume\n");
  at.end_faults();
  at.json({"train", "--config", "my run/run.toml", "--resume"});
  CHECK(at.bytes("my run/model.safetensors") == at.bytes("whole/model.safetensors"));
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
  at.set_faults("rename", "checkpoints/step-");
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
