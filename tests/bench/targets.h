// The figures that the project sets itself as targets, collected while the benchmarks run.
#pragma once

#include <string>
#include <vector>

namespace papilio::bench {

struct Target {
  std::string what;
  double value;
  double goal;
  bool at_most;  // value <= goal is good; otherwise value >= goal
};

// Remembers the last value under its name.
void report_target(const Target& target);
// A table of all, those that fall short marked. Returns how many do.
int print_targets();

// Median of an odd or even number of values.
double median(std::vector<double> values);
// Seconds of one call, the shortest of `repeats`: what the machine can do when nothing disturbs it.
template <class F>
double best_seconds(int repeats, F&& f);

}  // namespace papilio::bench

#include <algorithm>
#include <chrono>
#include <limits>

template <class F>
double papilio::bench::best_seconds(int repeats, F&& f) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}
