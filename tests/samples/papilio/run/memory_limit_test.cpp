// The program under a limit on its address space: OpenBLAS waits for ever if it cannot have its
// buffers.
#include <doctest/doctest.h>

#include <string>

#include "tensor/error.h"
#include "tests/samples/papilio/program.h"

namespace papilio::test {

TEST_CASE(
    "under any limit on memory a product ends: with its result, or with the error that says what "
    "is missing") {
  const Workplace at("/bin/sh");
  const auto run = [&](const std::string& line, int megabytes) {
    const std::string limit = megabytes > 0 ? str("ulimit -v ", megabytes * 1024, "; ") : "";
    const std::string command = str(limit, "exec \"", papilio_program, "\" ", line);
    return at.run({"-c", command}, KilledAfter{60});
  };
  REQUIRE(run("train --classes 0-1 --quiet --threads 4 --out base " + kTinyModel, 0).code == 0);
  int refused = 0, done = 0;
  for (int megabytes = 500; megabytes <= 2300; megabytes += 150) {
    CAPTURE(megabytes);
    const Outcome outcome = run("evaluate base --quiet --threads 4 --json", megabytes);
    CAPTURE(outcome.err);
    CHECK((outcome.code == 0 || outcome.code == 1));
    done += outcome.code == 0;
    if (outcome.code != 1) continue;
    CHECK(outcome.err.find("out of memory") != std::string::npos);
    refused += outcome.err.find("out of memory for OpenBLAS' own buffers (") != std::string::npos;
  }
  CHECK(refused > 0);
  CHECK(done > 0);
}

}  // namespace papilio::test
