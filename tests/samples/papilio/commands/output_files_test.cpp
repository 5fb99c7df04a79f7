// Files that commands write at their end, and files that are not what they seem.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/paths.h"
#include "tests/samples/papilio/program.h"
#include "tests/samples/papilio/run/two_classes.h"

namespace papilio::test {

namespace fs = std::filesystem;

TEST_CASE("a file that cannot be written is refused before the work") {
  const Workplace at;
  train_base(at);
  fs::create_directory(at / "folder.csv");
  check_refused(
      at,
      {{"predict base --digit 0 --out nowhere/p.csv", 1,
        "papilio predict: cannot write nowhere/p.csv: there is no folder nowhere"},
       {"predict base --digit 0 --out folder.csv", 1,
        "papilio predict: cannot write folder.csv: it is a folder"},
       {"evaluate base --report nowhere/r.html", 1,
        "papilio evaluate: cannot write nowhere/r.html: there is no folder nowhere"},
       {"evaluate base --report base", 1, "papilio evaluate: cannot write base: it is a folder"},
       {"data digits --sheet nowhere/s.html", 1,
        "papilio data: cannot write nowhere/s.html: there is no folder nowhere"},
       {"explain --out base", 1, "papilio explain: cannot write base: it is a folder"}});
}

TEST_CASE("folders that may not be read or written are said to be that, and stay as they are") {
  Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 2-4 --epochs 1 -t query -b 4 -m 1 --out a"));
  const auto allow = [](const fs::path& path, fs::perms what) { fs::permissions(path, what); };
  const fs::perms readable = fs::perms(0555), nothing = fs::perms(0);
  fs::create_directory(at / "r");
  fs::rename(at / "base", at / "r/base");
  fs::rename(at / "a", at / "r/a");
  allow(at / "", fs::perms(0755));
  for (const char* folder : {"r", "r/base", "r/a", "r/base/checkpoints", "r/base/tensorboard"})
    allow(at / folder, readable);
  at.drop_superuser();
  const Outcome evaluated = at.run(words("evaluate r/base --json"));
  if (evaluated.code == 99) return;  // the program lies where nobody may read
  CHECK(evaluated.code == 0);
  CHECK(at.run(words("inspect r/a")).code == 0);
  const std::string denied = ": cannot be written: Permission denied";
  const std::string tiny = " --classes 0-1 --quiet --out r/";
  check_refused(at, {{"predict r/base --digit 3 --out r/x.csv", 1, "r" + denied},
                     {"evaluate r/base --report r/x.html", 1, "r" + denied},
                     {"train --overwrite" + tiny + "base", 1, "r/base" + denied},
                     {"train --resume" + tiny + "base", 1, "r/base" + denied},
                     {"merge r/base r/a --overwrite --out r/base", 1, "r/base" + denied},
                     {"convert r/a --to compact --overwrite --out r/a", 1, "r/a" + denied},
                     {"train" + tiny + "new", 1, "r/new: cannot be made: Permission denied"},
                     {"finetune r/base" + tiny + "new", 1, "r/new: cannot be made: Permission"}});
  CHECK(at.run(words("evaluate r/base --json")).out == evaluated.out);
  allow(at / "r/base", nothing);
  check_refused(at, {{"evaluate r/base", 1, "r/base: cannot be read: Permission denied"},
                     {"inspect r/base", 1, "r/base/config.json: cannot be read: Permission denied"},
                     {"data r/base", 1, "r/base: cannot be read: Permission denied"}});
  for (const char* folder : {"r", "r/base", "r/a", "r/base/checkpoints", "r/base/tensorboard"})
    allow(at / folder, fs::perms::owner_all);
}

TEST_CASE("a disk that is full at the end: the answers are shown, and the exit code is 1") {
  if (*faults_library == '\0') return;
  Workplace at;
  train_base(at);
  const Outcome predicted = at.run(words("predict base --digit 0-2")),
                evaluated = at.run(words("evaluate base --classes 0-1"));
  at.set_faults("write", "made.");
  const Outcome lost = at.run(words("predict base --digit 0-2 --out made.csv"));
  CHECK(lost.code == 1);
  CHECK(lost.out == predicted.out);
  CHECK(lost.err == "papilio predict: cannot write made.csv: No space left on device (write)\n");
  const Outcome json = at.run(words("predict base --digit 0-2 --json --out made.json"));
  CHECK(json.code == 1);
  CHECK(nlohmann::json::parse(json.out)["predictions"].size() == 3);
  const std::string text = "predict " + std::string(source_root) + "/tests/golden/gpt2/gpt2 The";
  const Outcome answered = at.run(words(text + " --out made.json"));
  CHECK(answered.code == 1);
  CHECK(answered.out.find("bits a byte") != std::string::npos);
  CHECK(answered.out == at.run(words(text)).out);
  const Outcome page = at.run(words("evaluate base --classes 0-1 --report made.html"));
  CHECK(page.code == 1);
  CHECK(page.out == evaluated.out);
  CHECK(page.err == "papilio evaluate: cannot write made.html: No space left on device (write)\n");
  for (const std::string command : {"data digits --sheet", "explain --out"}) {
    const Outcome found = at.run(words(command + " kept.html")),
                  unkept = at.run(words(command + " made.html"));
    CHECK(unkept.code == 1);
    CHECK(!unkept.out.empty());
    CHECK(found.out.starts_with(unkept.out));
  }
  CHECK(!fs::exists(at / "made.csv"));
  CHECK(!fs::exists(at / "made.html"));
}

TEST_CASE("a run lists the files that it has written, and no other") {
  if (*faults_library == '\0') return;
  Workplace at;
  write_pictures(at / "photos", 12);
  const std::string line = "train --data photos --epochs 1 --out " + std::string("m") + kSmall;
  CHECK(at.run(words(line))
            .out.ends_with("\nm: config.json, model.safetensors, preprocessor_config.json, "
                           "results.json, report.html, log.csv, steps.csv, "
                           "tensorboard/, checkpoints/, run.toml\n"));
  at.set_faults("write", "report.html");
  const Outcome without = at.run(words("finetune m --data photos --epochs 1 --quiet --out a"));
  CHECK(without.code == 0);
  CHECK(without.err.find("no report: cannot write a/report.html") != std::string::npos);
  CHECK(without.out.ends_with(
      "\na: adapter_config.json, adapter_model.safetensors, id2label.json, "
      "results.json, log.csv, steps.csv, tensorboard/, checkpoints/, run.toml\n"));
  at.end_faults();
  CHECK(at.run(words("convert a --to compact --overwrite --out a"))
            .out.ends_with(
                "\na: adapter_config.json, adapter_model.compact.safetensors, id2label.json\n"));
  fs::create_directories(at / "a/tensorboard");
  CHECK(at.run(words("convert a --to peft --overwrite --out a"))
            .out.ends_with("\na: adapter_config.json, adapter_model.safetensors, id2label.json\n"));
}

TEST_CASE("convert and merge refuse --out before they read anything") {
  const Workplace at;
  train_base(at);
  check_refused(at,
                {{"convert missing --to nf4 --out base", 2, "--out: base holds a model already"},
                 {"convert missing --to peft --out base", 2, "--out: base holds a model"},
                 {"merge missing none --out base", 2, "--out: base holds a model already"}});
}

TEST_CASE("inspect names files of other formats") {
  const Workplace at;
  write_bytes(at / "photo", plain_png(8, 8, 1, 2, 3));
  const Outcome outcome = at.run(words("inspect photo"));
  CHECK(outcome.code == 1);
  CHECK(outcome.err == "papilio inspect: photo: is a PNG picture, not a .safetensors file\n");
}

TEST_CASE(
    "a link that leads nowhere is a picture that cannot be read; one in a circle hides no other") {
  const Workplace at;
  write_pictures(at / "photos", 12);
  fs::create_symlink("gone.png", at / "photos/dark/99.png");
  const std::string line = "train --data photos --epochs 1 --out m" + kSmall;
  const Outcome stopped = at.run(words(line));
  CHECK(stopped.code == 1);
  CHECK_MESSAGE(stopped.err.find("photos/dark/99.png") != std::string::npos, stopped.err);
  const Outcome skipped = at.run(words(line + "--overwrite --corrupt skip"));
  CHECK(skipped.code == 0);
  CHECK_MESSAGE(skipped.err.find("photos/dark/99.png") != std::string::npos, skipped.err);
  const Outcome predicted = at.run(words("predict m photos --corrupt skip --out p.csv"));
  CHECK(predicted.out == "p.csv: 24 images\n");
  CHECK_MESSAGE(predicted.err.find("left out: photos/dark/99.png") != std::string::npos,
                predicted.err);
  fs::remove(at / "photos/dark/99.png");
  fs::create_symlink("circle", at / "photos/dark/circle");
  CHECK(at.run(words("predict m photos --quiet --out p.csv")).out == "p.csv: 24 images\n");
}

}  // namespace papilio::test
