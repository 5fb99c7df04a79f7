#include "samples/kernels/measure.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/cuda/runtime.h"
#include "kernels/cuda/stopwatch.h"

namespace papilio::cuda::study {
namespace {

using Array = Scratch<float>;

size_t bytes_of(const std::vector<float>& values) {
  return values.size() * sizeof(float);
}

// One run before, so that nothing is done for the first time; then several asked for in a row, so
// that the device need not wait for the host between short ones.
double median_seconds(int repeats, const std::function<void()>& run) {
  if (repeats == 0) return 0;
  run();
  std::vector<double> seconds(size_t(repeats), 0.);
  constexpr int kRuns = 10;
  const auto runs = [&] {
    for (int i = 0; i < kRuns; ++i) run();
  };
  for (double& s : seconds) s = seconds_on_device(runs, device_in_use()) / kRuns;
  std::ranges::nth_element(seconds, seconds.begin() + repeats / 2);
  return seconds[size_t(repeats / 2)];
}

}  // namespace

std::vector<float> uniform(int64_t n, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(n));
  uint64_t state = seed * 0x9e3779b97f4a7c15u;
  for (float& v : values) {  // SplitMix64
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    v = float((z ^ (z >> 31)) >> 40) * 0x1p-24f - 0.5f;
  }
  return values;
}

Measurement measure(const Version& version, const Sizes& sizes, const Problem& problem,
                    int repeats) {
  const int device = device_in_use();
  Arguments arguments{sizes, {}, nullptr};
  std::vector<std::unique_ptr<Array>> in;
  for (const auto& x : problem.in) {
    in.push_back(std::make_unique<Array>(int64_t(x.size())));
    copy_from_host(in.back()->data(), x.data(), bytes_of(x), device);
    arguments.in[in.size() - 1] = in.back()->data();
  }
  const Array out(int64_t(problem.want.size()));
  arguments.out = out.data();
  check(cudaMemsetAsync(out.data(), 0xff, bytes_of(problem.want), stream()), "cudaMemsetAsync");
  version.run(arguments);

  std::vector<float> got(problem.want.size());
  copy_to_host(got.data(), out.data(), bytes_of(got), device);
  double difference = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double here = std::abs(double(got[i]) - double(problem.want[i]));
    if (!(here <= difference)) difference = here;
    if (std::isnan(difference)) break;
  }
  return {difference, median_seconds(repeats, [&] { version.run(arguments); })};
}

double copy_rate(double bytes, int repeats) {
  const auto n = int64_t(bytes / 2 / sizeof(float));
  const Array from(n), to(n);
  const size_t half = size_t(n) * sizeof(float);
  check(cudaMemsetAsync(from.data(), 1, half, stream()), "cudaMemsetAsync");
  const double seconds = median_seconds(repeats, [&] {
    check(cudaMemcpyAsync(to.data(), from.data(), half, cudaMemcpyDeviceToDevice, stream()),
          "cudaMemcpyAsync");
  });
  return seconds > 0 ? 2 * double(half) / seconds : 0;
}

}  // namespace papilio::cuda::study
