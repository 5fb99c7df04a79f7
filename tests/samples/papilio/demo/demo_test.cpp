// papilio demo: its folder, and what Ctrl-C leaves.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::words;
using test::Workplace;

TEST_CASE("demo: its folder is made first; Ctrl-C says what there is") {
  const Workplace at;
  test::write_bytes(at / "file", "");
  const auto refused = at.run(words("demo --quick --out file"));
  CHECK(refused.code == 1);
  CHECK(refused.err == "papilio demo: file: cannot be made: Not a directory\n");
  const auto early = at.run(words("demo --quiet --out d"), [&](int process) {
    using namespace std::chrono_literals;
    for (int i = 0; i < 1000 && !std::filesystem::exists(at / "d"); ++i)
      std::this_thread::sleep_for(10ms);
    kill(process, SIGINT);
  });
  CHECK(early.code == 130);
  CHECK(early.err == "papilio demo: interrupted; no method was finished, nothing is written\n");
}
