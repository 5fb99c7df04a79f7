#include "tensor/random.h"

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/cuda_graph.h"
#include "kernels/random.h"
#include "tensor/pick.h"

namespace papilio {
namespace {

std::atomic<uint64_t> last_seed{0};

Tensor empty_floating(const char* operation, const Dims& shape, const TensorOptions& options) {
  check(is_floating(options.dtype), operation, ": expected a floating dtype, got ", options.dtype);
  return empty(shape, options);
}

// Advances `g` past the elements of y; returns the first word.
uint64_t reserve_for(const Tensor& y, Generator& g) {
  check<Error>(!y.device().is_cpu() || !cuda::recording(),
               "cuda graph: random numbers that the host draws cannot be recorded: "
               "every launch would have the same");
  return g.reserve(uint64_t(y.numel()) * uint64_t(words_per_element(y.dtype())));
}

Tensor make_uniform(const char* operation, const Dims& shape, double low, double high,
                    const TensorOptions& options, Generator& g) {
  check(low <= high && std::isfinite(high - low), operation, ": expected finite low <= high, got ",
        low, " and ", high);
  auto y = empty_floating(operation, shape, options);
  pick(y.device(), cpu::uniform, cuda::uniform)(view(y), g.seed(), reserve_for(y, g), low, high);
  return y;
}

Tensor make_normal(const char* operation, const Dims& shape, double mean, double std,
                   const TensorOptions& options, Generator& g) {
  check(std::isfinite(mean) && std >= 0 && std::isfinite(std), operation,
        ": expected a finite mean and std >= 0, got ", mean, " and ", std);
  auto y = empty_floating(operation, shape, options);
  pick(y.device(), cpu::normal, cuda::normal)(view(y), g.seed(), reserve_for(y, g), mean, std);
  return y;
}

// The largest value of an integer dtype, 0 for any other.
int64_t largest(DType dtype) {
  if (dtype == DType::int64) return std::numeric_limits<int64_t>::max();
  if (dtype == DType::int32) return std::numeric_limits<int32_t>::max();
  return dtype == DType::uint8 ? 255 : 0;
}

}  // namespace

Generator& default_generator() {
  thread_local Generator generator(last_seed);
  return generator;
}

void manual_seed(uint64_t seed) {
  last_seed = seed;
  default_generator().manual_seed(seed);
}

Tensor rand(const Dims& shape, TensorOptions options, Generator& g) {
  return make_uniform("rand", shape, 0, 1, options, g);
}

Tensor uniform(const Dims& shape, double low, double high, TensorOptions options, Generator& g) {
  return make_uniform("uniform", shape, low, high, options, g);
}

Tensor randn(const Dims& shape, TensorOptions options, Generator& g) {
  return make_normal("randn", shape, 0, 1, options, g);
}

Tensor normal(const Dims& shape, double mean, double std, TensorOptions options, Generator& g) {
  return make_normal("normal", shape, mean, std, options, g);
}

Tensor randint(int64_t low, int64_t high, const Dims& shape, DType dtype, Generator& g,
               Device device) {
  const int64_t max = largest(dtype);
  check(max > 0, "randint: expected int64, int32 or uint8, got ", dtype);
  check(low < high, "randint: expected low < high, got ", low, " and ", high);
  const int64_t min = dtype == DType::uint8 ? 0 : -max - 1;
  check(low >= min && high - 1 <= max, "randint: expected a range inside ", dtype, ", got ", low,
        " to ", high);
  auto y = empty(shape, {.dtype = dtype, .device = device});
  pick(device, cpu::randint, cuda::randint)(view(y), g.seed(), reserve_for(y, g), low,
                                            uint64_t(high) - uint64_t(low));
  return y;
}

Tensor randperm(int64_t n, Generator& g, Device device) {
  check(n >= 0, "randperm: expected n >= 0, got ", n);
  auto y = empty({n}, {.dtype = DType::int64, .device = device});
  pick(device, cpu::randperm, cuda::randperm)(view(y), g.seed(), reserve_for(y, g));
  return y;
}

Tensor bernoulli(const Dims& shape, double p, Generator& g, Device device) {
  check(p >= 0 && p <= 1, "bernoulli: expected 0 <= p <= 1, got ", p);
  auto y = empty(shape, {.dtype = DType::boolean, .device = device});
  pick(device, cpu::bernoulli, cuda::bernoulli)(view(y), g.seed(), reserve_for(y, g), p);
  return y;
}

}  // namespace papilio
