#include "kernels/philox.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>

using namespace papilio;

namespace {

void check_block(Philox4 counter, uint32_t key0, uint32_t key1, Philox4 expected) {
  const Philox4 got = philox4x32(counter, key0, key1);
  for (int i = 0; i < 4; ++i) CHECK(got.word[i] == expected.word[i]);
}

}  // namespace

TEST_CASE("philox4x32-10: the known answers that Random123 publishes") {
  check_block({{0, 0, 0, 0}}, 0, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
  const uint32_t f = 0xffffffff;
  check_block({{f, f, f, f}}, f, f, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
  check_block({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0,
              {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

TEST_CASE("philox: the counter is index / 4 and the key is the seed, both 64 bits wide") {
  const uint64_t seed = 0x0123456789abcdef, index = 0xfedcba9876543212;
  const uint64_t block = index / 4;
  const Philox4 four =
      philox4x32({{uint32_t(block), uint32_t(block >> 32), 0, 0}}, 0x89abcdef, 0x01234567);
  CHECK(philox_bits(seed, index) == four.word[2]);
  CHECK(philox_bits(seed, index + 1) == four.word[3]);
  CHECK(philox_bits(0, 3) == 0x9b00dbd8);
}

TEST_CASE("philox: the Bernoulli threshold is exact at both ends") {
  CHECK(bernoulli_threshold(0) == 0);
  CHECK(bernoulli_threshold(1) == uint64_t(1) << 32);
  CHECK(bernoulli_threshold(0.5) == uint64_t(1) << 31);
}
