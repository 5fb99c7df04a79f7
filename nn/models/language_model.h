// What every model that goes on with a text has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/layers/kv_cache.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// A causal language model: each token's logits are those of the token behind it.
struct LanguageModel : PretrainedModel {
  // What it is and takes, in the words that every one of these models has.
  struct Shape {
    std::string model_type;     // as in config.json: "gpt2"
    int64_t vocab_size = 0;     // rows of the embedding, and logits
    int64_t max_positions = 0;  // tokens that it can look at
    int64_t hidden_size = 0, num_hidden_layers = 0, num_attention_heads = 0, intermediate_size = 0;
  };
  virtual Shape shape() const = 0;
  std::string backbone_prefix() const override = 0;
  bool in_head(const std::string& path) override = 0;
  // What the head sees of tokens (B, T) int64: (B, T, hidden_size), normalised. With a cache the
  // tokens go on with those that it holds, and join them. Throws ArgumentError for ids outside the
  // vocabulary and for more tokens in all than max_positions.
  virtual Tensor hidden(const Tensor& ids, KvCache* cache = nullptr) = 0;
  // (..., hidden_size) -> (..., vocab_size)
  virtual Tensor logits(const Tensor& hidden) = 0;
  // (B, T) int64 -> logits (B, T, vocab_size)
  Tensor operator()(const Tensor& ids) { return logits(hidden(ids)); }
  // Tokens that end a text, as config.json says; none if it does not.
  virtual std::vector<int64_t> eos_token_ids() const = 0;
};

}  // namespace papilio::nn
