// A vocabulary learned from text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/text/tokenizer.h"

namespace papilio::nn {

struct BpeTraining {
  int64_t vocab_size = 1024;  // tokens in all: special ones, 256 bytes, and what is joined
  int64_t min_frequency = 2;  // of a pair in the text, so that it is joined
  std::vector<std::string> special_tokens = {"<|endoftext|>"};  // the first one is bos, eos and unk
};

// A byte-level tokenizer: the pair that is the most frequent in the texts' words becomes a token,
// and so on; of equally frequent pairs that of the smaller ids, as in Hugging Face's BpeTrainer.
// The texts decide everything: the same ones give the same tokenizer. It may stay smaller than
// vocab_size if the texts have no more pairs. Throws ArgumentError for a vocab_size that does not
// hold the bytes and the special tokens, and for special tokens that are empty or given twice.
Tokenizer train_tokenizer(std::span<const std::string_view> texts, const BpeTraining& options = {});

// The same in CLIP's form (nn/text/clip.h): 256 bytes, the same at a word's end, what is joined,
// <|startoftext|> and <|endoftext|>. Throws ArgumentError for a vocab_size below 514.
Tokenizer train_clip_tokenizer(std::span<const std::string_view> texts, int64_t vocab_size);

}  // namespace papilio::nn
