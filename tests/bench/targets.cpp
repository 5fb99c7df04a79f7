#include "tests/bench/targets.h"

#include <cstdint>
#include <cstdio>

namespace papilio::bench {

namespace {

std::vector<Target>& targets() {
  static std::vector<Target> list;
  return list;
}

}  // namespace

void report_target(const Target& target) {
  const auto found = std::ranges::find(targets(), target.what, &Target::what);
  if (found == targets().end()) {
    targets().push_back(target);
  } else {
    *found = target;
  }
}

int print_targets() {
  if (targets().empty()) return 0;
  int missed = 0;
  std::printf("\n%-58s %9s %9s\n", "target", "measured", "goal");
  for (const Target& t : targets()) {
    const bool good = t.at_most ? t.value <= t.goal : t.value >= t.goal;
    missed += !good;
    std::printf("%-58s %9.3f %3s%6.2f%s\n", t.what.c_str(), t.value,
                t.at_most ? "<=" : ">=", t.goal, good ? "" : "  falls short");
  }
  std::printf("%d of %zu targets fall short\n", missed, targets().size());
  return missed;
}

double median(std::vector<double> values) {
  const size_t half = values.size() / 2;
  std::ranges::nth_element(values, values.begin() + int64_t(half));
  return values[half];
}

}  // namespace papilio::bench
