// Runs that an older release began: tests/golden/runs/<release> holds each as it was killed after
// step 20 of 48, with the logs of the whole run.
//   papilio train --classes 0-3 --epochs 3 --hidden-size 8 --layers 1 --heads 2 --patch-size 4
//     --batch-size 32 --dropout 0.1 --ema 0.9 --checkpoint-steps 4 --keep-checkpoints 20
//     --threads 1 --out run
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/paths.h"
#include "tests/samples/papilio/program.h"

namespace papilio::test {

namespace {

// The lines below the heading.
std::vector<std::string> lines_of(const std::string& csv) {
  std::istringstream in(csv);
  std::vector<std::string> lines;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) lines.push_back(line);
  return lines;
}

// The second column of steps.csv.
double loss_of(const std::string& line) {
  return std::strtod(line.c_str() + line.find(',') + 1, nullptr);
}

}  // namespace

TEST_CASE("a run that 0.1.0 began goes on as it would have there") {
  const Workplace at;
  const auto golden = std::filesystem::path(source_root) / "tests/golden/runs/0.1.0";
  std::filesystem::copy(golden, at / "run", std::filesystem::copy_options::recursive);
  const std::vector<std::string> then = lines_of(at.bytes("run/steps.csv"));
  REQUIRE(then.size() == 48);
  const Outcome outcome = at.run(words("train --config run/run.toml --resume"));
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  const std::vector<std::string> now = lines_of(at.bytes("run/steps.csv"));
  REQUIRE(now.size() == 48);
  // The first steps stay as they are; another processor may round the others differently.
  for (size_t i = 0; i < 20; ++i) CHECK(now[i] == then[i]);
  for (size_t i = 20; i < 48; ++i)
    CHECK(loss_of(now[i]) == doctest::Approx(loss_of(then[i])).epsilon(1e-3));
  CHECK(std::filesystem::exists(at / "run/model.safetensors"));
}

}  // namespace papilio::test
