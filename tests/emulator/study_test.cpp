// The versions of the study (samples/kernels): right at sizes that end inside a block, a tile, a
// warp and 16 bytes.
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "samples/kernels/measure.h"

namespace papilio::cuda::study {

TEST_CASE("every version of the study computes what the CPU does") {
  const std::vector<Sizes> all = {
      {.rows = 33, .d = 96, .b = 4, .m = 2},   {.rows = 2, .d = 8, .b = 4, .m = 2},
      {.rows = 1, .d = 4, .b = 4, .m = 1},     {.rows = 7, .d = 64, .b = 8, .m = 1},
      {.rows = 40, .d = 160, .b = 8, .m = 3},  {.rows = 3, .d = 1536, .b = 4, .m = 4},
      {.rows = 2, .d = 2100, .b = 2, .m = 2},  {.rows = 9, .d = 128, .b = 16, .m = 1},
      {.rows = 25, .d = 128, .b = 32, .m = 2}, {.rows = 5, .d = 30, .b = 6, .m = 1},
      {.rows = 5, .d = 35, .b = 5, .m = 1}};
  for (const Series& series : all_series()) {
    CAPTURE(series.name);
    std::vector<int> ran(series.versions.size());
    for (const Sizes& s : all) {
      CAPTURE(s.rows);
      CAPTURE(s.d);
      CAPTURE(s.b);
      CAPTURE(s.m);
      const Problem problem = series.problem(s);
      for (size_t v = 0; v < series.versions.size(); ++v) {
        const Version& version = series.versions[v];
        CAPTURE(version.name);
        CHECK(version.name == "v" + std::to_string(v + 1));
        if (!version.takes(s)) continue;
        ++ran[v];
        CHECK(measure(version, s, problem, 0).difference <= kTolerance);
      }
    }
    for (const int times : ran) CHECK(times > 2);
  }
}

TEST_CASE("a version of the study that leaves an element out, or is wrong in one, is found") {
  const Sizes s{.rows = 3, .d = 16};
  const Series series = layer_norm_series();
  Problem problem = series.problem(s);
  Version nothing = series.versions[0];
  nothing.run = [](const Arguments&) {};
  CHECK(!(measure(nothing, s, problem, 0).difference <= kTolerance));
  problem.want[20] += 1e-3f;
  CHECK(measure(series.versions[0], s, problem, 0).difference > kTolerance);
}

}  // namespace papilio::cuda::study
