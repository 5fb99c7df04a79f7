// Checks and times one version of a kernel.
#pragma once

#include <cstdint>
#include <vector>

#include "samples/kernels/study.h"

namespace papilio::cuda::study {

// n numbers in [-0.5, 0.5), the same for the same seed.
std::vector<float> uniform(int64_t n, uint64_t seed);

struct Measurement {
  double difference;  // max |output - the CPU's|; NaN if an element was not written
  double seconds;     // of a run: median of `repeats` times ten in a row, by the device's own clock
};
Measurement measure(const Version& version, const Sizes& sizes, const Problem& problem,
                    int repeats);

// What rounding allows: outputs are near 1.
constexpr double kTolerance = 2e-5;

// Bytes a second of a copy on the device, those read and those written.
double copy_rate(double bytes, int repeats);

}  // namespace papilio::cuda::study
