// Learning-rate schedules.
#pragma once

#include <cstdint>
#include <string_view>

namespace papilio::nn {

// The factor on the base rate at a step: rises linearly over warmup_steps, then stays (constant),
// or falls to min_factor at total_steps in a straight line (linear) or half a cosine (cosine), and
// stays there.
struct Schedule {
  enum class Kind { constant, linear, cosine };
  Kind kind = Kind::cosine;
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;
  double min_factor = 0;

  // step: 0 for the first, which in a warm-up has the factor 1 / (warmup_steps + 1).
  double factor(int64_t step) const;
};

// "constant", "linear", "cosine"; anything else throws ArgumentError.
Schedule::Kind schedule_kind(std::string_view name);

}  // namespace papilio::nn
