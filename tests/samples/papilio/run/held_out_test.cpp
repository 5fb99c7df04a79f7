// The data of a run, when it is resumed and when its model is used: the same, or what differs.
#include <doctest/doctest.h>
#include <filesystem>
#include <string>

#include "tests/samples/papilio/program.h"
#include "tests/samples/papilio/run/two_classes.h"

namespace papilio::test {

namespace fs = std::filesystem;

TEST_CASE("--resume: data that have changed are refused, with what is different") {
  const Workplace at;
  write_pictures(at / "photos", 12);
  at.json(words("train --data photos --epochs 1 --out m" + kSmall));
  const auto resume = [&](const std::string& message) {
    const Outcome outcome = at.run(words("train --config m/run.toml --resume --quiet"));
    CHECK(outcome.code != 0);
    CHECK_MESSAGE(outcome.err.find(message) != std::string::npos, outcome.err);
  };
  fs::rename(at / "photos/dark", at / "photos/zebra");
  resume("--resume: class 0 of the data was dark, now it is light\n");
  fs::rename(at / "photos/zebra", at / "photos/dark");
  // Other pictures, as many.
  for (int i = 0; i < 12; ++i) {
    const std::string name = std::to_string(i) + ".png";
    fs::rename(at / ("photos/dark/" + name), at / ("photos/dark/new" + name));
  }
  resume("expected the state of a loader of the same samples: other names or labels");
}

TEST_CASE("what a run held out stays held out when its model is evaluated and adapted") {
  const Workplace at;
  write_pictures(at / "photos", 20);
  // 2^53 + 1 is no double.
  at.json(words(
      "train --data photos --split-seed 9007199254740993 --test-share 0.2 --epochs 1 --out m" +
      kSmall));
  CHECK(at.json(words("evaluate m --data photos"))["images"] == 8);
  at.json(words("finetune m --data photos -b 4 -m 2 --epochs 1 --out a"));
  const std::string settings = at.bytes("a/run.toml");
  CHECK(settings.find("split-seed = 9007199254740993\n") != std::string::npos);
  CHECK(settings.find("test-share = 0.2\n") != std::string::npos);
  at.json(words("merge m a --out merged"));
  CHECK(at.json(words("evaluate merged --data photos"))["images"] == 8);
  CHECK(at.json(words("evaluate m --adapter a --data ./photos"))["images"] == 8);
  // A merged model knows it if its parts are gone, and its settings can still be read back.
  at.json(words("merge --config merged/run.toml --out again"));
  CHECK(at.bytes("again/model.safetensors") == at.bytes("merged/model.safetensors"));
  fs::rename(at / "a", at / "away");
  CHECK(at.json(words("evaluate again --data photos"))["images"] == 8);
  // One that does not say: a line, as for any model whose data may be others.
  std::string bare = at.bytes("merged/run.toml");
  bare.resize(bare.find("trained-"));
  write_bytes(at / "merged/run.toml", bare);
  const Outcome unknown = at.run(words("evaluate merged --data photos --quiet"));
  CHECK(unknown.code == 0);
  CHECK(unknown.err ==
        "papilio evaluate: warning: merged: was merged from a, which is not there: it is not known "
        "what it was trained on\n");
  const Outcome other = at.run(words("evaluate m --data photos --split-seed 2 --quiet"));
  CHECK(other.code == 0);
  CHECK(other.err ==
        "papilio evaluate: warning: m: was trained on these data with --split-seed "
        "9007199254740993: some of what is held out now was trained on\n");
  fs::rename(at / "photos", at / "moved");
  const Outcome moved = at.run(words("evaluate m --data moved --quiet"));
  CHECK(moved.err ==
        "papilio evaluate: warning: m: was trained on photos with --test-share 0.2 --split-seed "
        "9007199254740993; if these are the same data, give the same\n");
}

}  // namespace papilio::test
