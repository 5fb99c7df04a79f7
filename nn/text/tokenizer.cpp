#include "nn/text/tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "nn/text/byte_level.h"
#include "nn/text/utf8.h"
#include "tensor/error.h"

namespace papilio::nn {

Tokenizer::Tokenizer(Parts parts) : parts_(std::move(parts)) {
  const auto put = [&](int64_t id, const std::string& token) {
    if (id >= size()) tokens_.resize(size_t(id) + 1);
    tokens_[size_t(id)] = token;
  };
  // Ids of a vocabulary may have gaps, but a file with one id of 10^9 is broken.
  const auto count = int64_t(parts_.bpe.vocabulary().size() + parts_.added.size());
  const int64_t most = 4 * count + 65536;
  for (const auto& [token, id] : parts_.bpe.vocabulary()) {
    check(id < most, "Tokenizer: \"", token, "\" has the id ", id, ", of ", count, " tokens");
    put(id, token);
  }
  for (const AddedToken& token : parts_.added) {
    check(!token.content.empty(), "Tokenizer: the added token ", token.id, " is empty");
    check(token.id >= 0 && token.id < most, "Tokenizer: the added token \"", token.content,
          "\" has the id ", token.id, ", of ", count, " tokens");
    const bool taken = token.id < size() && !tokens_[size_t(token.id)].empty();
    check(!taken || tokens_[size_t(token.id)] == token.content, "Tokenizer: the added token \"",
          token.content, "\" has the id ", token.id, " of \"",
          taken ? tokens_[size_t(token.id)] : "", '"');
    put(token.id, token.content);
    added_[token.id] = &token;
  }
}

namespace {

// Where white space before `at`, or behind it, ends.
size_t space_before(std::string_view text, size_t at) {
  while (at > 0) {
    size_t begin = at - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) --begin;
    const size_t length = utf8_length(text, begin);
    if (begin + length != at || !is_white_space(utf8_code_point(text, begin, length))) break;
    at = begin;
  }
  return at;
}
size_t space_behind(std::string_view text, size_t at) {
  while (at < text.size()) {
    const size_t length = utf8_length(text, at);
    if (length == 0 || !is_white_space(utf8_code_point(text, at, length))) break;
    at += length;
  }
  return at;
}

}  // namespace

// The text in pieces: between the added tokens that are looked for there, and these. The leftmost
// token counts, and of several the longest.
void Tokenizer::cut(std::string_view text, bool normalized, const OnPiece& piece) const {
  std::vector<std::pair<std::string, const AddedToken*>> wanted;
  for (const AddedToken& token : parts_.added) {
    if (token.normalized != normalized) continue;
    wanted.emplace_back(
        normalized && parts_.normalize ? parts_.normalize(token.content) : token.content, &token);
  }
  size_t begin = 0, at = 0;
  while (at < text.size()) {
    size_t first = text.size(), length = 0;
    const AddedToken* found = nullptr;
    for (const auto& [content, token] : wanted) {
      // Nothing behind the best one found so far can win.
      const size_t end = std::min(text.size(), first + content.size());
      const size_t where = text.substr(0, end).find(content, at);
      if (where == text.npos || where > first || (where == first && content.size() <= length))
        continue;
      first = where, length = content.size(), found = token;
    }
    if (found == nullptr) break;
    size_t end = first + length;
    at = end;
    if (found->lstrip) first = std::max(begin, space_before(text, first));
    if (found->rstrip) end = space_behind(text, end);
    if (begin < first) piece(text.substr(begin, first - begin), nullptr);
    piece(text.substr(first, end - first), found);
    begin = at = end;
  }
  if (begin < text.size()) piece(text.substr(begin), nullptr);
}

std::vector<int64_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int64_t> ids = parts_.before;
  Cache cache;
  cut(text, false, [&](std::string_view raw, const AddedToken* token) {
    if (token != nullptr) return ids.push_back(token->id);
    const std::string normal = parts_.normalize ? parts_.normalize(raw) : std::string();
    cut(parts_.normalize ? normal : raw, true, [&](std::string_view piece, const AddedToken* t) {
      if (t != nullptr) return ids.push_back(t->id);
      encode_piece(piece, cache, ids);
    });
  });
  ids.insert(ids.end(), parts_.after.begin(), parts_.after.end());
  return ids;
}

void Tokenizer::encode_piece(std::string_view piece, Cache& cache,
                             std::vector<int64_t>& ids) const {
  std::string spaced;
  if (parts_.add_prefix_space && !piece.starts_with(' ')) {
    spaced = ' ' + std::string(piece);
    piece = spaced;
  }
  const auto split = parts_.only_matches ? &SplitPattern::find : &SplitPattern::split;
  (parts_.pattern.*split)(piece, [&](std::string_view word) {
    const auto [known, fresh] = cache.try_emplace(std::string(word));
    if (fresh) parts_.bpe.encode(byte_level(word), known->second);
    ids.insert(ids.end(), known->second.begin(), known->second.end());
  });
}

std::string Tokenizer::decode(std::span<const int64_t> ids, bool skip_special) const {
  std::string text;
  for (const int64_t id : ids) {
    check(id >= 0 && id < size() && !tokens_[size_t(id)].empty(),
          "Tokenizer: there is no token with the id ", id);
    const auto found = added_.find(id);
    if (found == added_.end()) {
      text += bytes_of(tokens_[size_t(id)]);
    } else if (!skip_special || !found->second->special) {
      text += found->second->content;
    }
  }
  return text;
}

const std::string& Tokenizer::token(int64_t id) const {
  static const std::string none;
  return id >= 0 && id < size() ? tokens_[size_t(id)] : none;
}

std::optional<int64_t> Tokenizer::id(const std::string& token) const {
  for (const AddedToken& added : parts_.added)
    if (added.content == token) return added.id;
  const auto found = parts_.bpe.vocabulary().find(token);
  if (found == parts_.bpe.vocabulary().end()) return {};
  return found->second;
}

bool Tokenizer::is_special(int64_t id) const {
  const auto found = added_.find(id);
  return found != added_.end() && found->second->special;
}

}  // namespace papilio::nn
