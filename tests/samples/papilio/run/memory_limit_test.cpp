// The program under a limit on its address space: OpenBLAS waits for ever if it cannot have its
// buffers.
#include <doctest/doctest.h>

#include <string>

#include "tensor/error.h"
#include "tests/samples/papilio/program.h"
#include "tests/sanitizers.h"

namespace papilio::test {

namespace {

// The program under that limit; 0: none.
Outcome run_within(const Workplace& at, int megabytes, const std::string& line) {
  const std::string limit = megabytes > 0 ? str("ulimit -v ", megabytes * 1024, "; ") : "";
  const std::string command = str(limit, "exec \"", papilio_program, "\" ", line);
  return at.run({"-c", command}, KilledAfter{60});
}

}  // namespace

TEST_CASE("under any limit on memory the program starts, or says that OpenBLAS has no room" *
          doctest::skip(kAddressSanitizer)) {
  const Workplace at("/bin/sh");
  constexpr int kNoLibrary = 127;  // the loader's own code, with a line that names the library
  int refused = 0;
  for (int megabytes = 40; megabytes <= 500; megabytes += 20) {
    CAPTURE(megabytes);
    const Outcome outcome = run_within(at, megabytes, "--version");
    CAPTURE(outcome.err);
    CHECK((outcome.code == 0 || outcome.code == 1 || outcome.code == kNoLibrary));
    if (outcome.code != 1) continue;
    ++refused;
    CHECK(outcome.err.starts_with("papilio: out of memory for OpenBLAS' own buffers (132 MB for "));
  }
  CHECK(refused > 0);
  CHECK(run_within(at, 0, "--version").code == 0);
}

TEST_CASE(
    "under any limit on memory a product ends: with its result, or with the error that says what "
    "is missing" *
    doctest::skip(kAddressSanitizer)) {
  const Workplace at("/bin/sh");
  REQUIRE(
      run_within(at, 0, "train --classes 0-1 --quiet --threads 4 --out base " + kTinyModel).code ==
      0);
  int refused = 0, done = 0;
  for (int megabytes = 500; megabytes <= 2300; megabytes += 150) {
    CAPTURE(megabytes);
    const Outcome outcome = run_within(at, megabytes, "evaluate base --quiet --threads 4 --json");
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
