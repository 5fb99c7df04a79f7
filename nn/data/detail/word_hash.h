// Names as numbers that are the same on every machine.
#pragma once

#include <cstdint>
#include <string_view>

namespace papilio::nn {

inline constexpr uint64_t kWordHash = 0xcbf29ce484222325u;

// FNV-1a over a word and its end, which goes on from the hash of the words before.
inline uint64_t word_hash(uint64_t hash, std::string_view word) {
  constexpr uint64_t kPrime = 0x100000001b3u;
  for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return (hash ^ 0x100u) * kPrime;
}

}  // namespace papilio::nn
