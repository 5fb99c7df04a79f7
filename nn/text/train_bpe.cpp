#include "nn/text/train_bpe.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <queue>
#include <unordered_map>
#include <utility>

#include "nn/text/bpe.h"
#include "nn/text/byte_level.h"
#include "nn/text/clip.h"
#include "nn/text/detail/pair_key.h"
#include "nn/text/split_pattern.h"
#include "nn/text/utf8.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

// Words of the texts with how often they come, and the pairs of symbols in them.
class PairCounts {
 public:
  struct Word {
    std::vector<int64_t> symbols;
    int64_t count;
  };
  struct Pair {
    int64_t count, left, right;
  };

  void add(std::vector<int64_t> symbols, int64_t count) {
    words_.push_back({std::move(symbols), count});
    count_pairs(words_.size() - 1, 1);
  }

  // The most frequent pair; count 0 if there is none.
  Pair most_frequent() {
    while (!queue_.empty()) {
      const auto [count, inverted] = queue_.top();
      const uint64_t key = ~inverted;
      const int64_t now = pairs_[key].count;
      if (count == now && now > 0) return {now, int64_t(key >> 32), int64_t(key & 0xffffffff)};
      queue_.pop();  // an old count; the new one stands in the queue too
    }
    return {0, 0, 0};
  }

  // Every `left` with `right` behind it becomes `joined`.
  void join(int64_t left, int64_t right, int64_t joined) {
    std::vector<size_t> places = std::move(pairs_[pair_key(left, right)].words);
    std::ranges::sort(places);
    places.erase(std::unique(places.begin(), places.end()), places.end());
    for (const size_t i : places) {
      count_pairs(i, -1);
      std::vector<int64_t>& symbols = words_[i].symbols;
      size_t to = 0;
      for (size_t from = 0; from < symbols.size(); ++to) {
        const bool pair =
            from + 1 < symbols.size() && symbols[from] == left && symbols[from + 1] == right;
        symbols[to] = pair ? joined : symbols[from];
        from += pair ? 2 : 1;
      }
      symbols.resize(to);
      count_pairs(i, 1);
    }
    for (const uint64_t key : changed_) queue_.emplace(pairs_[key].count, ~key);
    changed_.clear();
  }

  // Call it behind the last add().
  void begin() {
    for (const auto& [key, pair] : pairs_) queue_.emplace(pair.count, ~key);
    changed_.clear();
  }

 private:
  struct Entry {
    int64_t count = 0;
    std::vector<size_t> words;  // some of them may no longer have it, or stand here twice
  };

  void count_pairs(size_t i, int64_t sign) {
    const Word& word = words_[i];
    for (size_t k = 0; k + 1 < word.symbols.size(); ++k) {
      const uint64_t key = pair_key(word.symbols[k], word.symbols[k + 1]);
      Entry& entry = pairs_[key];
      entry.count += sign * word.count;
      if (sign > 0) entry.words.push_back(i);
      changed_.push_back(key);
    }
  }

  std::vector<Word> words_;
  std::unordered_map<uint64_t, Entry> pairs_;
  // The largest count first, then the smallest key.
  std::priority_queue<std::pair<int64_t, uint64_t>> queue_;
  std::vector<uint64_t> changed_;
};

// A vocabulary that grows.
class Tokens {
 public:
  // The token's id, a new one if it is new.
  int64_t add(const std::string& token) {
    const auto [at, fresh] = vocabulary_.emplace(token, int64_t(by_id_.size()));
    if (fresh) by_id_.push_back(token);
    return at->second;
  }
  bool contains(const std::string& token) const { return vocabulary_.contains(token); }
  const std::string& name(int64_t id) const { return by_id_[size_t(id)]; }
  int64_t size() const { return int64_t(by_id_.size()); }
  Vocabulary vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  std::vector<std::string> by_id_;
};

// The bytes in the order of the characters they are written as.
std::vector<std::string> alphabet() {
  std::map<char32_t, std::string> by_point;
  for (int b = 0; b < 256; ++b) {
    const std::string symbol = byte_level(std::string(1, char(b)));
    by_point[utf8_code_point(symbol, 0, symbol.size())] = symbol;
  }
  std::vector<std::string> symbols;
  symbols.reserve(by_point.size());
  for (const auto& [point, symbol] : by_point) symbols.push_back(symbol);
  return symbols;
}

using WordCounts = std::map<std::string, int64_t>;

// Joins the most frequent pairs of the words' symbols, whose last one has the suffix, until there
// are `size` tokens.
Merges learn_merges(const WordCounts& words, const std::string& suffix, int64_t size,
                    int64_t min_frequency, Tokens& tokens) {
  PairCounts pairs;
  for (const auto& [word, count] : words) {
    std::vector<int64_t> symbols;
    for (size_t i = 0; i < word.size(); ++i)
      symbols.push_back(
          tokens.add(byte_level({&word[i], 1}) + (i + 1 < word.size() ? "" : suffix)));
    pairs.add(std::move(symbols), count);
  }
  pairs.begin();
  Merges merges;
  while (tokens.size() < size) {
    const PairCounts::Pair best = pairs.most_frequent();
    if (best.count == 0 || best.count < min_frequency) break;
    merges.emplace_back(tokens.name(best.left), tokens.name(best.right));
    pairs.join(best.left, best.right, tokens.add(merges.back().first + merges.back().second));
  }
  return merges;
}

}  // namespace

Tokenizer train_tokenizer(std::span<const std::string_view> texts, const BpeTraining& options) {
  Tokens tokens;
  std::vector<AddedToken> added;
  for (const std::string& token : options.special_tokens) {
    check(!token.empty() && !tokens.contains(token), "train_tokenizer: the special token \"", token,
          "\" is empty or given twice");
    added.push_back({.id = tokens.add(token), .content = token, .special = true});
  }
  const int64_t least = tokens.size() + 256;
  check(options.vocab_size >= least, "train_tokenizer: expected a vocab_size of at least ", least,
        " (the special tokens and 256 bytes), got ", options.vocab_size);
  for (const std::string& symbol : alphabet()) tokens.add(symbol);
  WordCounts words;
  const SplitPattern pattern(kGpt2Pattern);
  for (const std::string_view text : texts)
    pattern.split(text, [&](std::string_view word) { ++words[std::string(word)]; });
  Merges merges = learn_merges(words, "", options.vocab_size, options.min_frequency, tokens);
  TokenRoles roles;
  if (!added.empty()) roles = {.bos = added[0].id, .eos = added[0].id, .unk = added[0].id};
  return Tokenizer({.bpe = Bpe(tokens.vocabulary(), std::move(merges)),
                    .added = std::move(added),
                    .roles = roles});
}

Tokenizer train_clip_tokenizer(std::span<const std::string_view> texts, int64_t vocab_size) {
  const std::string suffix = "</w>", begin = "<|startoftext|>", end = "<|endoftext|>";
  constexpr int64_t kLeast = 2 * 256 + 2;
  check(vocab_size >= kLeast, "train_clip_tokenizer: expected a vocab_size of at least ", kLeast,
        " (256 bytes, in a word and at its end, and two special tokens), got ", vocab_size);
  Tokens tokens;
  for (const std::string& symbol : alphabet()) tokens.add(symbol);
  for (const std::string& symbol : alphabet()) tokens.add(symbol + suffix);
  Tokenizer::Parts parts{.bpe = Bpe({}, {})};
  read_as_clip(parts);
  WordCounts words;
  for (const std::string_view text : texts)
    parts.pattern.split(normalize_for_clip(text), [&](std::string_view word) {
      if (word.find_first_not_of(' ') != word.npos) ++words[std::string(word)];
    });
  Merges merges = learn_merges(words, suffix, vocab_size - 2, 1, tokens);
  parts.roles.bos = tokens.add(begin);
  parts.roles.eos = parts.roles.unk = parts.roles.pad = tokens.add(end);
  for (const auto& [id, content] : {std::pair(*parts.roles.bos, begin), {*parts.roles.eos, end}})
    parts.added.push_back({.id = id, .content = content, .special = true});
  parts.bpe =
      Bpe(tokens.vocabulary(), std::move(merges), {.end_of_word_suffix = suffix, .unk_token = end});
  read_as_clip(parts);
  return Tokenizer(std::move(parts));
}

}  // namespace papilio::nn
