// Signals to runs of several processes, to their launcher, and to one thread alone.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

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

// Holds a process's first thread while its others go on, until somebody kills it; false if that is
// not allowed.
bool hold_first_thread(int process) {
  if (::ptrace(PTRACE_SEIZE, process, nullptr, nullptr) != 0) return false;
  REQUIRE(::ptrace(PTRACE_INTERRUPT, process, nullptr, nullptr) == 0);
  return true;
}
void wait_for_end_of_held(int process) {
  for (int i = 0; i < 600; ++i) {
    int status = 0;
    const int heard = ::waitpid(process, &status, __WALL | WNOHANG);
    if (heard < 0 || (heard == process && (WIFEXITED(status) || WIFSIGNALED(status)))) return;
    ::usleep(50'000);
  }
  FAIL_CHECK("held for 30 seconds, and nobody ended it");
  ::kill(process, SIGKILL);
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

TEST_CASE("ranks: one that hangs while its process answers ends all after --rank-timeout") {
  if (*mpirun == '\0') return;
  const Ranks at;
  bool held = false;
  const Outcome outcome = at.run(Ranks::line(2, kLong + " --rank-timeout 2"), [&](int launcher) {
    wait_for(at / "run/checkpoints");
    const std::vector<int> ids = ranks_of(launcher);
    REQUIRE(ids.size() == 2);
    held = hold_first_thread(ids[1]);
    if (held)
      wait_for_end_of_held(ids[1]);
    else
      ::kill(launcher, SIGTERM);
    KilledAfter{30}(launcher);
  });
  if (!held) {
    MESSAGE("no thread can be held here");
    return;
  }
  CHECK_MESSAGE(outcome.code == 1, outcome.err);
  const auto said = own_lines(outcome.err);
  REQUIRE_MESSAGE(said.size() == 1, outcome.err);
  CHECK(said[0].starts_with("papilio train: rank 1 of 2 on "));
  CHECK(said[0].ends_with(" has not come in 2 seconds: it hangs"));
  check_newest_checkpoint(at, "run");
}

}  // namespace papilio::test
