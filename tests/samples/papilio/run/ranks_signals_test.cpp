// Signals to runs of several processes, and to their launcher.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/samples/papilio/run/several_ranks.h"

namespace papilio::test {

namespace {

// It has ended, whether or not somebody has asked how.
bool is_gone(int process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(stat)), {});
  const size_t name = text.rfind(") ");
  return name == text.npos || text[name + 2] == 'Z';
}

// The run is told to stop, and goes on from the step at which it was.
void check_stopped(const Workplace& at, const std::string& err) {
  const auto said = own_lines(err);
  REQUIRE_MESSAGE(said.size() == 1, err);
  const std::string begin = "papilio train: interrupted after step ";
  REQUIRE_MESSAGE(said[0].starts_with(begin), err);
  std::string step = std::to_string(std::stol(said[0].substr(begin.size())));
  step.insert(0, 8 - std::min<size_t>(8, step.size()), '0');
  CHECK(std::filesystem::exists(at / ("run/checkpoints/step-" + step + ".safetensors")));
  check_newest_checkpoint(at, "run");
}

}  // namespace

TEST_CASE("ranks: Ctrl-C, SIGTERM or SIGUSR1 at mpirun leaves a checkpoint of the last step") {
  if (*mpirun == '\0') return;
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) {
    CAPTURE(number);
    const Ranks at;
    const Outcome outcome = at.run(Ranks::line(2, kLong), [&](int launcher) {
      wait_for(at / "run/checkpoints");
      ::kill(launcher, number);
      KilledAfter{30}(launcher);
    });
    CHECK_MESSAGE(outcome.code != 0, outcome.err);
    CHECK_MESSAGE(outcome.code != 128 + SIGKILL, outcome.err);
    if (number != SIGUSR1 && at.kills_at_once())
      check_newest_checkpoint(at, "run");
    else
      check_stopped(at, outcome.err);
  }
}

TEST_CASE("ranks: when mpirun itself is killed all end, with a checkpoint") {
  if (*mpirun == '\0') return;
  const Ranks at;
  std::vector<int> ids;
  const Outcome outcome = at.run(Ranks::line(2, kLong), [&](int launcher) {
    wait_for(at / "run/checkpoints");
    ids = ranks_of(launcher);
    REQUIRE(ids.size() == 2);
    ::kill(launcher, SIGKILL);
  });
  CHECK_MESSAGE(outcome.code == 128 + SIGKILL, outcome.err);
  for (int i = 0; i < 400 && !std::ranges::all_of(ids, is_gone); ++i) ::usleep(50'000);
  for (const int id : ids) {
    CHECK(is_gone(id));
    ::kill(id, SIGKILL);
  }
  check_newest_checkpoint(at, "run");
}

}  // namespace papilio::test
