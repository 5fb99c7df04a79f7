// Random tensors. Numbers depend on the generator's seed, its offset and the element's place only:
// not on the number of threads, and not on the device (but for the rounding of normal's log, cos
// and sin, and of uniform's range if it is not [0, 1)).
#pragma once

#include <cstdint>

#include "tensor/creation.h"

namespace papilio {

// What a Generator is made of: save it, restore it, and the same numbers follow.
struct GeneratorState {
  uint64_t seed = 0;
  uint64_t offset = 0;  // words of the stream used so far
  bool operator==(const GeneratorState&) const = default;
};

// A stream of Philox4x32-10 words. Different seeds give independent streams. One thread at a time.
class Generator {
 public:
  explicit Generator(uint64_t seed = 0) : state_{seed, 0} {}

  // Begins the stream of this seed.
  void manual_seed(uint64_t seed) { state_ = {seed, 0}; }
  // The stream's seed.
  uint64_t seed() const { return state_.seed; }
  // Seed and place in the stream: set_state goes on from there.
  GeneratorState state() const { return state_; }
  void set_state(const GeneratorState& state) { state_ = state; }
  // Takes `words` 32-bit words (rounded up to a multiple of 4) from the stream; returns the index
  // of the first.
  uint64_t reserve(uint64_t words) {
    const uint64_t first = state_.offset;
    state_.offset += (words + 3) / 4 * 4;
    return first;
  }

 private:
  GeneratorState state_;
};

// The generator of every call that names none, this thread's own. It begins with manual_seed's last
// seed, or 0.
Generator& default_generator();
// Seeds this thread's default generator, and those of threads that first draw later.
void manual_seed(uint64_t seed);

// Uniform in [0, 1), for floating dtypes.
Tensor rand(const Dims& shape, TensorOptions options = {}, Generator& g = default_generator());
// Uniform in [low, high); low = high gives low everywhere.
Tensor uniform(const Dims& shape, double low, double high, TensorOptions options = {},
               Generator& g = default_generator());
// Normal with mean 0 and standard deviation 1 (Box-Muller), for floating dtypes.
Tensor randn(const Dims& shape, TensorOptions options = {}, Generator& g = default_generator());
Tensor normal(const Dims& shape, double mean, double std, TensorOptions options = {},
              Generator& g = default_generator());
// Integers low, ..., high - 1 as int64, int32 or uint8: floor(count * k / 2^64) of 64 random bits
// k, so probabilities differ by less than count / 2^64 relative to each other.
Tensor randint(int64_t low, int64_t high, const Dims& shape, DType dtype = DType::int64,
               Generator& g = default_generator(), Device device = Device::cpu());
// A permutation of 0, ..., n - 1 (int64), all equally likely (Fisher-Yates).
Tensor randperm(int64_t n, Generator& g = default_generator(), Device device = Device::cpu());
// A bool mask: true with probability p, 0 <= p <= 1.
Tensor bernoulli(const Dims& shape, double p, Generator& g = default_generator(),
                 Device device = Device::cpu());

}  // namespace papilio
