// --overwrite: what becomes of the old result.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/paths.h"
#include "tests/samples/papilio/program.h"
#include "tests/samples/papilio/run/two_classes.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    names.insert(entry.path().filename());
  return names;
}

// The command reads an old result in whose folder a later run has not ended, and says so.
void expect_old_result(const Workplace& at, const std::string& command) {
  const Outcome outcome = at.run(words(command + " --quiet"));
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  CHECK_MESSAGE(outcome.err.find("holds the result of an earlier run") != std::string::npos,
                outcome.err);
}

}  // namespace

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

TEST_CASE(
    "an old result beside the files of a run that was killed before its own: readers say so") {
  const Workplace at;
  write_pictures(at / "photos/train", 12);
  const std::string line = "train --data photos --epochs 1 --out m" + kSmall;
  for (const bool has_settings : {true, false}) {
    CAPTURE(has_settings);
    at.json(words(line + " --overwrite"));
    if (!has_settings) fs::remove(at / "m/run.toml");
    const std::string model = at.bytes("m/model.safetensors");
    const Outcome killed =
        at.run(words("train --data photos --epochs 100000 --checkpoint-steps 1 "
                     "--overwrite --seed 7 --out m" +
                     kSmall),
               [&](int process) {
                 while (!fs::exists(at / "m/.result.toml") && !has_ended(process)) ::usleep(5'000);
                 ::kill(process, SIGKILL);
               });
    CHECK(killed.code == 128 + SIGKILL);
    CHECK(at.bytes("m/model.safetensors") == model);
    const std::string says = "m: holds the result of an earlier run; the one that began here";
    for (const std::string reader : {"evaluate m --data photos", "inspect m",
                                     "finetune m --data photos --epochs 1 --method lora -r 2 "
                                     "--overwrite --out a"}) {
      const Outcome outcome = at.run(words(reader));
      CHECK_MESSAGE(outcome.code == 0, outcome.err);
      CHECK_MESSAGE((outcome.out + outcome.err).find(says) != std::string::npos, outcome.err);
    }
  }
  at.json(words(line + " --overwrite"));
  CHECK(!fs::exists(at / "m/.result.toml"));
  CHECK(at.run(words("inspect m")).out.find("earlier run") == std::string::npos);
}

TEST_CASE("an old result: --resume is named only if there is a checkpoint to go on from") {
  const Workplace at;
  train_base(at);
  write_bytes(at / "base/.result.toml", "");
  const std::string says =
      "base: holds the result of an earlier run; the one that began here after it has not ended "
      "with a result";
  const auto said = [&] { return at.run(words("inspect base")).out; };
  CHECK(said().find(says + " (--resume goes on with it)\n") != std::string::npos);
  fs::remove_all(at / "base/checkpoints");
  CHECK(said().find(says + '\n') != std::string::npos);
}

TEST_CASE("an old result is said once by every command that reads it") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 2-4 --epochs 1 -t query -b 4 -m 1 --out a"));
  write_bytes(at / "a/.result.toml", "");
  for (const std::string line :
       {"inspect a", "evaluate base --adapter a", "predict base --adapter a --digit 0",
        "merge base a --out m", "convert a --to compact --out compact",
        "convert a --to merged --base base --out n", "explain a", "explain a base"}) {
    CAPTURE(line);
    const Outcome outcome = at.run(words(line));
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    const std::string all = outcome.out + outcome.err, says = "a: holds the result of an earlier";
    CHECK(all.find(says) != std::string::npos);
    CHECK(all.find(says) == all.rfind(says));
  }
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
  at.json(
      words("convert " + std::string(source_root) + "/tests/golden/gpt2/gpt2 --to nf4 --out t"));
  CHECK(fs::exists(at / "t/tokenizer.json"));
  at.json(words(digits + "t --overwrite"));
  CHECK(names_in(at / "t") == names_in(at / "fresh"));
  // An adapter without names over one that has some.
  at.json(words("finetune m --classes 5-6 --epochs 1 -b 4 -m 2 --out foreign"));
  at.json(words("finetune m --classes 8-9 --epochs 1 -b 4 -m 2 --out named"));
  fs::remove(at / "foreign/id2label.json");
  at.json(words("convert foreign --to peft --overwrite --out named"));
  CHECK(!fs::exists(at / "named/id2label.json"));
  CHECK(!fs::exists(at / "named/run.toml"));
}

TEST_CASE("an old run whose files cannot be removed: its result stays, and is said to be there") {
  if (*faults_library == '\0') return;
  Workplace at;
  train_base(at);
  at.set_faults("remove", "base/", 2);
  const std::string model = at.bytes("base/model.safetensors");
  const Outcome outcome =
      at.run(words("train --classes 0-1 --overwrite --quiet --out base " + kTinyModel));
  CHECK(outcome.code == 1);
  CHECK_MESSAGE(
      outcome.err.find(
          ": cannot be removed: No space left on device; the result in base is still the one "
          "before\n") != std::string::npos,
      outcome.err);
  at.end_faults();
  CHECK(at.bytes("base/model.safetensors") == model);
  expect_old_result(at, "evaluate base");
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
  expect_old_result(at, "evaluate base");
  // Whatever the folder is called: `unet` may be a pipeline's part, or a run.
  fs::rename(at / "base", at / "unet");
  expect_old_result(at, "evaluate unet");
  fs::rename(at / "unet", at / "base");
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
  expect_old_result(at, "evaluate base");
  // An adapter in another form.
  expect_old_result(at, "finetune base --classes 2-4 --epochs 1 -t query -b 4 -m 1 --out a");
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

TEST_CASE("readers say where the old result is if its replacement was interrupted") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 2-4 --epochs 1 -t query -b 4 -m 1 --out a"));
  const auto set_aside = [&](const std::string& folder) {
    fs::create_directory(at / (folder + "/.old"));
    for (const char* name : {"config.json", "adapter_config.json", "model.safetensors"})
      if (fs::exists(at / (folder + '/' + name)))
        fs::rename(at / (folder + '/' + name), at / (folder + "/.old/" + name));
  };
  const auto check_named = [&](const std::string& folder, const std::vector<std::string>& lines) {
    const auto before = names_in(at / folder);
    for (const std::string& line : lines) {
      CAPTURE(line);
      const Outcome outcome = at.run(words(line));
      CHECK(outcome.code == 1);
      CHECK(outcome.out == "");
      CHECK_MESSAGE(
          outcome.err.find(folder +
                           ": a process ended while it replaced the result in this folder; "
                           "the old one is in " +
                           folder + "/.old and comes back when a command writes into the folder") !=
              std::string::npos,
          outcome.err);
    }
    CHECK(names_in(at / folder) == before);
  };
  set_aside("a");
  check_named("a", {"inspect a", "predict base --adapter a --digit 0", "evaluate base --adapter a",
                    "merge base a --out m", "convert a --to compact --out m"});
  set_aside("base");
  check_named("base", {"inspect base", "predict base --digit 0", "evaluate base",
                       "finetune base --epochs 1 --out f"});
  // A command that writes brings it back, whatever it then says.
  CHECK(at.run(words("train --classes 0-1 --out base")).code == 2);
  at.json(words("evaluate base"));
  CHECK(!fs::exists(at / "base/.old"));
  // What is left after the new one is whole is nobody's business.
  fs::create_directory(at / "base/.old");
  at.json(words("evaluate base"));
}

TEST_CASE("readers say that a run has not ended if there are checkpoints and no result") {
  const Workplace at;
  train_base(at);
  for (const char* name : {"config.json", "model.safetensors"})
    fs::remove(at / (std::string("base/") + name));
  const std::string says =
      "base: holds the checkpoints of a run that has not ended, and no result yet";
  check_refused(at, {{"evaluate base", 1, says},
                     {"predict base --digit 0", 1, says},
                     {"inspect base", 1, says},
                     {"merge base base --out m", 1, says},
                     {"finetune base --epochs 1 --out f", 1, says}});
}

}  // namespace papilio::test
