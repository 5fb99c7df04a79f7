#include "nn/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/error.h"

namespace papilio::nn {

double Schedule::factor(int64_t step) const {
  if (step < warmup_steps) return double(step + 1) / double(warmup_steps + 1);
  if (kind == Kind::constant) return 1;
  const double length = double(std::max<int64_t>(1, total_steps - warmup_steps));
  const double done = std::min(1.0, double(step - warmup_steps) / length);
  const double left = kind == Kind::linear ? 1 - done : (1 + std::cos(std::numbers::pi * done)) / 2;
  return min_factor + (1 - min_factor) * left;
}

Schedule::Kind schedule_kind(std::string_view name) {
  if (name == "constant") return Schedule::Kind::constant;
  if (name == "linear") return Schedule::Kind::linear;
  check(name == "cosine", "schedule: expected constant, linear or cosine, got ", name);
  return Schedule::Kind::cosine;
}

}  // namespace papilio::nn
