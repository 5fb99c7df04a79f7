// All tensors of a model, cut into chunks for the threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/parallel.h"

namespace papilio::cpu {

constexpr int64_t kChunk = 8192;  // elements: small enough to share out, large enough to stream

struct Chunk {
  size_t tensor;
  int64_t begin, end;
};

// Cuts tensors of the given sizes into chunks and calls f(chunk) for all of them in parallel.
template <class Size, class F>
void for_each_chunk(size_t tensors, Size&& size, F&& f) {
  std::vector<Chunk> chunks;
  for (size_t i = 0; i < tensors; ++i) {
    const int64_t n = size(i);
    for (int64_t at = 0; at < n; at += kChunk) chunks.push_back({i, at, std::min(n, at + kChunk)});
  }
  parallel_for(int64_t(chunks.size()), 2, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) f(chunks[size_t(c)], size_t(c));
  });
}

}  // namespace papilio::cpu
