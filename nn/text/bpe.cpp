#include "nn/text/bpe.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <tuple>

#include "nn/text/detail/pair_key.h"
#include "nn/text/utf8.h"
#include "tensor/error.h"

namespace papilio::nn {

Bpe::Bpe(Vocabulary vocabulary, Merges merges, Options options)
    : vocabulary_(std::move(vocabulary)), merges_(std::move(merges)), options_(std::move(options)) {
  std::unordered_map<int64_t, const std::string*> owner;
  for (const auto& [token, id] : vocabulary_) {
    check(id >= 0 && id <= INT32_MAX, "Bpe: expected ids from 0 to 2^31 - 1, got ", id, " for \"",
          token, '"');
    const auto [other, fresh] = owner.emplace(id, &token);
    check(fresh, "Bpe: \"", *other->second, "\" and \"", token, "\" have the same id ", id);
    ids_.emplace(token, id);
  }
  for (size_t rank = 0; rank < merges_.size(); ++rank) {
    const auto& [left, right] = merges_[rank];
    for (const std::string& token : {left, right, left + right})
      check(ids_.contains(token), "Bpe: merge ", rank, " (\"", left, "\", \"", right, "\"): \"",
            token, "\" is no token of the vocabulary");
    merge_[pair_key(ids_.at(left), ids_.at(right))] = {rank, ids_.at(left + right)};
  }
  check(!options_.unk_token || ids_.contains(*options_.unk_token), "Bpe: the unk_token \"",
        options_.unk_token.value_or(""), "\" is no token of the vocabulary");
}

// One of a word's symbols, in a list from the first to the last.
struct Bpe::Symbol {
  int64_t id;
  size_t previous, next;  // kNone at the ends
  bool joined = false;    // with the one before: no longer there
};

int64_t Bpe::symbol_id(const std::string& symbol) const {
  const auto found = ids_.find(symbol);
  if (found != ids_.end()) return found->second;
  check(options_.unk_token.has_value(), "Bpe: \"", valid_utf8(symbol),
        "\" is no token of the vocabulary, and there is no unk_token");
  return ids_.at(*options_.unk_token);
}

const Bpe::Merge* Bpe::merge_of(int64_t left, int64_t right) const {
  const auto found = merge_.find(pair_key(left, right));
  return found == merge_.end() ? nullptr : &found->second;
}

void Bpe::encode(std::string_view word, std::vector<int64_t>& ids) const {
  constexpr size_t kNone = SIZE_MAX;
  std::vector<Symbol> symbols;
  for (size_t at = 0; at < word.size();) {
    const size_t length = std::max<size_t>(utf8_length(word, at), 1), i = symbols.size();
    std::string symbol(word.substr(at, length));
    at += length;
    if (at == word.size()) symbol += options_.end_of_word_suffix;
    symbols.push_back(
        {symbol_id(symbol), i == 0 ? kNone : i - 1, at == word.size() ? kNone : i + 1});
  }
  // Pairs that may be joined, the first of the list of merges first, then the leftmost.
  using Candidate = std::tuple<size_t, size_t, int64_t, int64_t>;  // rank, place, both ids
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](size_t left) {
    if (left == kNone || symbols[left].next == kNone) return;
    const int64_t a = symbols[left].id, b = symbols[symbols[left].next].id;
    if (const Merge* merge = merge_of(a, b)) queue.emplace(merge->rank, left, a, b);
  };
  for (size_t i = 0; i < symbols.size(); ++i) consider(i);
  while (!queue.empty()) {
    const auto [rank, i, a, b] = queue.top();
    queue.pop();
    Symbol& left = symbols[i];
    if (left.joined || left.id != a || left.next == kNone || symbols[left.next].id != b) continue;
    Symbol& right = symbols[left.next];
    left.id = merge_of(a, b)->id;
    right.joined = true;
    left.next = right.next;
    if (left.next != kNone) symbols[left.next].previous = i;
    consider(left.previous);
    consider(i);
  }
  for (const Symbol& symbol : symbols)
    if (!symbol.joined) ids.push_back(symbol.id);
}

}  // namespace papilio::nn
