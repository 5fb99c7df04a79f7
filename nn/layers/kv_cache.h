// The keys and values that a language model keeps while it generates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/layers/attention.h"

namespace papilio::nn {

// Keys and values of the tokens that a causal model has seen: the next ones need no others of them.
// Memory for all of its tokens is taken at once. No gradient passes.
class KvCache {
 public:
  // Has room for so many tokens in all.
  explicit KvCache(int64_t capacity) : capacity_(capacity) {}

  // The tokens it has room for.
  int64_t capacity() const { return capacity_; }
  // The tokens it holds.
  int64_t length() const { return length_; }
  // Writes the new tokens' keys and values of one layer behind those that are there, and gives all
  // of them with the new queries. The layers are numbered 0, 1, ... Throws ArgumentError if there
  // is no room, or the batch is another.
  HeadProjections append(size_t layer, const HeadProjections& fresh);
  // The new tokens are in every layer.
  void advance(int64_t tokens) { length_ += tokens; }

 private:
  struct Layer {
    Tensor keys, values;  // (B, heads, capacity, D / heads)
  };
  int64_t capacity_, length_ = 0;
  std::vector<Layer> layers_;
};

}  // namespace papilio::nn
