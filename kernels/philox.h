// Philox4x32-10, a counter-based random generator: a pure function from (seed, index) to bits, the
// same on every device and for every number of threads. Salmon, Moraes, Dror, Shaw: "Parallel
// random numbers: as easy as 1, 2, 3" (SC 2011).
#pragma once

#include <cstdint>

#include "kernels/host_device.h"

namespace papilio {

struct Philox4 {
  uint32_t word[4];
};

// One block: ten rounds on a 128-bit counter under a 64-bit key.
PAPILIO_HOST_DEVICE inline Philox4 philox4x32(Philox4 counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t(0xD2511F53u) * counter.word[0];
    const uint64_t b = uint64_t(0xCD9E8D57u) * counter.word[2];
    counter = {{uint32_t(b >> 32) ^ counter.word[1] ^ key0, uint32_t(b),
                uint32_t(a >> 32) ^ counter.word[3] ^ key1, uint32_t(a)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// Words 4 * block ... 4 * block + 3 of the stream that belongs to `seed`.
PAPILIO_HOST_DEVICE inline Philox4 philox_block(uint64_t seed, uint64_t block) {
  return philox4x32({{uint32_t(block), uint32_t(block >> 32), 0, 0}}, uint32_t(seed),
                    uint32_t(seed >> 32));
}

// Word `index` of the stream: 32 uniform bits. Element i of a tensor drawn at `offset` is
// philox_bits(seed, offset + i). Offsets from Generator::reserve are multiples of 4, so that four
// neighbours share one block.
PAPILIO_HOST_DEVICE inline uint32_t philox_bits(uint64_t seed, uint64_t index) {
  return philox_block(seed, index / 4).word[index % 4];
}

// Words 2 i and 2 i + 1 of some as one number.
PAPILIO_HOST_DEVICE inline uint64_t word_pair(const uint32_t* words, int64_t i) {
  return uint64_t(words[2 * i]) << 32 | words[2 * i + 1];
}
// floor(count * bits / 2^64): one of 0, ..., count - 1.
PAPILIO_HOST_DEVICE inline uint64_t one_below(uint64_t count, uint64_t bits) {
  __extension__ using uint128 = unsigned __int128;
  return uint64_t(uint128(bits) * count >> 64);
}

// A word lies below it with probability p (to 2^-32): `philox_bits(...) < bernoulli_threshold(p)`.
// p: [0, 1].
PAPILIO_HOST_DEVICE inline uint64_t bernoulli_threshold(double p) {
  return uint64_t(p * 0x1p32 + 0.5);
}

}  // namespace papilio
