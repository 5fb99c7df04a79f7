// Byte pair encoding (Sennrich, Haddow, Birch 2016): a vocabulary, and pairs of its symbols that
// are joined, the earliest of the list first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace papilio::nn {

// Ids by token.
using Vocabulary = std::map<std::string, int64_t>;
// Pairs of tokens, the first to join first.
using Merges = std::vector<std::pair<std::string, std::string>>;

// Byte-pair encoding of one word (Sennrich, Haddow, Birch, arXiv 1508.07909).
class Bpe {
 public:
  // What its two kinds, GPT-2's and CLIP's, differ in.
  struct Options {
    std::string end_of_word_suffix = {};        // CLIP's "</w>", part of a word's last symbol
    std::optional<std::string> unk_token = {};  // for characters without a token
  };

  // Throws ArgumentError for ids that are negative or given twice, a merge whose parts or result
  // are no tokens, and an unknown unk_token.
  Bpe(Vocabulary vocabulary, Merges merges, Options options);
  Bpe(Vocabulary vocabulary, Merges merges) : Bpe(std::move(vocabulary), std::move(merges), {}) {}

  // Adds the ids of one word, whose characters are the symbols to begin with, in n log n steps.
  // Throws ArgumentError for a character that is no token if there is no unk_token.
  void encode(std::string_view word, std::vector<int64_t>& ids) const;

  // What it was made of.
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const Merges& merges() const { return merges_; }
  const Options& options() const { return options_; }

 private:
  struct Merge {
    size_t rank;
    int64_t id;
  };
  struct Symbol;

  int64_t symbol_id(const std::string& symbol) const;
  const Merge* merge_of(int64_t left, int64_t right) const;

  Vocabulary vocabulary_;
  Merges merges_;
  Options options_;
  std::unordered_map<std::string, int64_t> ids_;
  std::unordered_map<uint64_t, Merge> merge_;  // by the ids of both
};

}  // namespace papilio::nn
