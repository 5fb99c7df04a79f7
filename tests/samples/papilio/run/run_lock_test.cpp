// One process at a time writes into a run's folder.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/samples/papilio/program.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

const std::string kEndless =
    "train --classes 0-1 --out base --hidden-size 16 --layers 1 --heads 2 --patch-size 4 "
    "--epochs 100000 --quiet";

// Until the first epoch of the run in `base` is in its log.
void wait_for_training(const Workplace& at) {
  using namespace std::chrono_literals;
  for (int i = 0; i < 3000 && at.bytes("base/log.csv").find("\n1,") == std::string::npos; ++i)
    std::this_thread::sleep_for(10ms);
}

}  // namespace

TEST_CASE("a second process is refused with the first one's number; a killed one stops nobody") {
  const Workplace at, beside;
  const std::string out = at / "base";
  const Outcome outcome = at.run(words(kEndless), [&](int process) {
    wait_for_training(at);
    std::array<char, 256> host = {};
    gethostname(host.data(), host.size() - 1);
    const std::string who = "process " + std::to_string(process) + " on " + host.data();
    for (const std::vector<std::string>& line :
         {words("train --overwrite --quiet " + kTinyModel + "--out " + out),
          words("train --resume --quiet --config " + out + "/run.toml --out " + out)}) {
      const Outcome refused = beside.run(line);
      CHECK(refused.code == 1);
      CHECK(refused.err == "papilio train: " + out + ": " + who +
                               " writes into this folder; wait for it, or choose another folder\n");
    }
    kill(process, SIGKILL);
  });
  CHECK(outcome.code == 128 + SIGKILL);
  CHECK(fs::exists(at / "base/.lock"));
  const Outcome after =
      at.run(words("train --classes 0-1 --overwrite --quiet --out base " + kTinyModel));
  CHECK_MESSAGE(after.code == 0, after.err);
  CHECK(!fs::exists(at / "base/.lock"));
}

TEST_CASE("a run whose folder is removed fails, and says so; the model is written") {
  const Workplace at;
  const Outcome outcome = at.run(words(kEndless), [&](int process) {
    wait_for_training(at);
    fs::rename(at / "base", at / "elsewhere");
    kill(process, SIGTERM);
  });
  CHECK(outcome.code == 1);
  CHECK_MESSAGE(
      outcome.err.find("base: was removed while the run wrote into it; the model of step ") !=
          std::string::npos,
      outcome.err);
  CHECK(outcome.err.find("go on with") == std::string::npos);
  CHECK(at.json(words("evaluate base"))["classes"].size() == 2);
}

TEST_CASE("a terminal that closes ends the step and saves, as Ctrl-C does") {
  const Workplace at;
  const Outcome outcome = at.run(words(kEndless), [&](int process) {
    wait_for_training(at);
    kill(process, SIGHUP);
  });
  CHECK(outcome.code == 128 + SIGHUP);
  CHECK_MESSAGE(outcome.err.starts_with("papilio train: interrupted after step "), outcome.err);
  CHECK(at.json(words("evaluate base"))["classes"].size() == 2);
}

}  // namespace papilio::test
