// All tensors of a model in one launch.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cuda/launch.h"

namespace papilio::cuda {

constexpr int64_t kChunk = 4096;  // elements: a block's share of a tensor

// A table of them on the device. Block c works on the chunk c of all chunks, tensor after tensor.
template <class Entry>
class Table {
 public:
  void add(const Entry& entry, int64_t n) {
    entries_.push_back(entry);
    entries_.back().n = n;
    entries_.back().first_chunk = chunks_;
    chunks_ += (n + kChunk - 1) / kChunk;
  }
  int64_t chunks() const { return chunks_; }
  int count() const { return int(entries_.size()); }
  // kernel<<<a block a chunk>>>(table, number of entries, arguments...)
  template <class Kernel, class... Arguments>
  void launch_over(Kernel kernel, Arguments... arguments) const {
    if (chunks_ == 0) return;
    const Scratch<Entry> table(count());
    copy_from_host(table.data(), entries_.data(), entries_.size() * sizeof(Entry), device_in_use());
    launch(kernel, unsigned(chunks_), kBlock, 0, stream(), static_cast<const Entry*>(table.data()),
           count(), arguments...);
  }

 private:
  std::vector<Entry> entries_;
  int64_t chunks_ = 0;
};

// The entry that the block's chunk belongs to: the last whose first chunk is not after it.
template <class Entry>
__device__ const Entry& entry_of_block(const Entry* table, int count) {
  int low = 0, high = count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (table[middle].first_chunk <= int64_t(blockIdx.x))
      low = middle;
    else
      high = middle - 1;
  }
  return table[low];
}
// The chunk's elements: for (i = chunk_begin(e) + threadIdx.x; i < chunk_end(e); i += blockDim.x).
template <class Entry>
__device__ int64_t chunk_begin(const Entry& e) {
  return (int64_t(blockIdx.x) - e.first_chunk) * kChunk;
}
template <class Entry>
__device__ int64_t chunk_end(const Entry& e) {
  const int64_t end = chunk_begin(e) + kChunk;
  return end < e.n ? end : e.n;
}

}  // namespace papilio::cuda
