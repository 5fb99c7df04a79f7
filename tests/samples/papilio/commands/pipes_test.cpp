// Named pipes in the place of every file that the program reads: refused at once, waited for never.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/samples/papilio/program.h"

namespace papilio::test {

namespace fs = std::filesystem;

namespace {

// Half a minute is time for any of these commands; what waits longer is killed (code 128 + 9).
Outcome run_at_once(const Workplace& at, const std::string& line) {
  return at.run(words(line), KilledAfter{30});
}

void make_pipe(const fs::path& path) {
  fs::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
}

}  // namespace

TEST_CASE("named pipes as inputs are refused at once, and named") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 2-4 --epochs 1 -t query -b 4 -m 1 --out a"));
  const auto refused = [&](const std::string& line, const std::string& pipe) {
    CAPTURE(line);
    const Outcome outcome = run_at_once(at, line);
    CHECK(outcome.code == 1);
    CHECK(outcome.out.empty());
    CHECK_MESSAGE(outcome.err.find(pipe + ": is a pipe, not a file\n") != std::string::npos,
                  outcome.err);
  };
  make_pipe(at / "pipe");
  refused("predict base pipe", "pipe");
  refused("predict base --digit 1 pipe", "pipe");
  refused("train --config pipe", "pipe");
  refused("inspect pipe", "pipe");
  refused("inspect --would-adapt pipe base", "pipe");
  refused("data pipe", "pipe");
  refused("train --data pipe --out m --quiet", "pipe");
  for (const std::string folder : {"base", "a"}) {
    for (const auto& entry : fs::directory_iterator(at / folder)) {
      const std::string name = entry.path().filename();
      const bool read = name.ends_with("config.json") || name.ends_with(".safetensors");
      if (!read || !entry.is_regular_file()) continue;
      fs::copy(at / folder, at / "copy", fs::copy_options::recursive);
      make_pipe(at / ("copy/" + name));
      refused(folder == "a" ? "evaluate base --adapter copy" : "evaluate copy", "copy/" + name);
      refused("inspect copy", "copy/" + name);
      fs::remove_all(at / "copy");
    }
  }
  // A run's own logs, which one that goes on reads: they begin anew.
  for (const char* log : {"log.csv", "steps.csv"}) make_pipe(at / "base" / log);
  const std::string weights = at.bytes("base/model.safetensors");
  const Outcome logged = run_at_once(at, "train --config base/run.toml --resume --quiet");
  CHECK_MESSAGE(logged.code == 0, logged.err);
  CHECK(at.bytes("base/model.safetensors") == weights);
  for (const char* log : {"log.csv", "steps.csv"}) REQUIRE(fs::is_regular_file(at / "base" / log));
  CHECK(at.bytes("base/log.csv").starts_with("epoch,step,loss,"));
  CHECK(at.bytes("base/steps.csv").starts_with("step,loss,"));
  for (const auto& entry : fs::directory_iterator(at / "base/checkpoints")) make_pipe(entry.path());
  const Outcome resumed = run_at_once(at, "train --config base/run.toml --resume --quiet");
  CHECK(resumed.code == 1);
  CHECK_MESSAGE(resumed.err.find("base/checkpoints: no checkpoint is whole\n") != std::string::npos,
                resumed.err);
  make_pipe(at / "base/run.toml");
  refused("train --config base/run.toml --resume", "base/run.toml");
  // Pictures, and the files beside them.
  fs::create_directories(at / "photos/a");
  write_bytes(at / "photos/a/0.png", "x");
  make_pipe(at / "photos/a/1.png");
  const Outcome looked = run_at_once(at, "data photos --quiet");
  CHECK(looked.code == 0);
  CHECK(looked.err ==
        "papilio data: warning: 1 file is left out: not .jpg, .jpeg or .png in a "
        "class's folder\n");
}

}  // namespace papilio::test
