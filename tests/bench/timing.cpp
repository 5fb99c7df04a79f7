#include "tests/bench/timing.h"

#include <cstdint>
#include <map>
#include <vector>

#include "tensor/copy.h"
#include "tensor/random.h"
#include "tests/bench/targets.h"

namespace papilio::bench {

namespace {

Device chosen;
int64_t chosen_rows = 0;

}  // namespace

Device device() {
  return chosen;
}
void use(Device device) {
  check_available("papilio_bench", device);
  chosen = device;
}
bool on_gpu() {
  return !chosen.is_cpu();
}

int64_t rows() {
  return chosen_rows > 0 ? chosen_rows : on_gpu() ? 32768 : 2048;
}
void set_rows(int64_t rows) {
  chosen_rows = rows;
}

TensorOptions here() {
  return {.device = chosen};
}

double copy_rate(int64_t bytes) {
  static std::map<int64_t, double> known;
  double& rate = known[bytes];
  if (rate > 0) return rate;
  const Tensor from = randn({bytes / 8}, here()), to = empty_like(from);
  copy_(to, from);
  std::vector<double> seconds(20);
  for (double& s : seconds) s = seconds_of([&] { copy_(to, from); }, 5);
  rate = 8 * double(from.numel()) / median(seconds);
  return rate;
}

}  // namespace papilio::bench
