// Text as a model sees it: numbers of tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nn/text/bpe.h"
#include "nn/text/split_pattern.h"

namespace papilio::nn {

// A token that is found in the text as it stands, before anything is divided. Fields as in Hugging
// Face's tokenizer.json.
struct AddedToken {
  int64_t id = 0;
  std::string content;
  bool special = false;  // left out if the text is for people
  bool lstrip = false;   // takes white space on its left, on its right, with it
  bool rstrip = false;
  bool normalized = false;  // is looked for in the normalised text
};

// Tokens with a part to play; nothing for one that the tokenizer does not have.
struct TokenRoles {
  std::optional<int64_t> bos = {}, eos = {}, unk = {}, pad = {};
};

// Byte pair encoding of bytes, as GPT-2's: added tokens are cut out, the rest is normalised,
// divided into words by a pattern, written in byte-level characters and joined by the merges.
class Tokenizer {
 public:
  struct Parts {
    Bpe bpe;
    std::vector<AddedToken> added = {};
    SplitPattern pattern = SplitPattern(kGpt2Pattern);
    bool only_matches = false;      // what lies between the pattern's words is left out
    bool add_prefix_space = false;  // a text that begins with a word is one behind a space
    std::function<std::string(std::string_view)> normalize = {};  // none: the text as it is
    std::vector<int64_t> before = {}, after = {};                 // tokens that every text gets
    TokenRoles roles = {};
  };

  // Throws ArgumentError for added tokens that are empty or contradict the vocabulary.
  explicit Tokenizer(Parts parts);

  // The text's ids. Any bytes will do: decode gives them back. Throws ArgumentError for bytes that
  // the vocabulary has no token for, if there is no unk_token.
  std::vector<int64_t> encode(std::string_view text) const;
  // The bytes that the ids stand for, which may break off inside a character. `skip_special`:
  // without special tokens. Throws ArgumentError for an id without token.
  std::string decode(std::span<const int64_t> ids, bool skip_special = false) const;

  // One more than the largest id: rows that a model's embedding needs.
  int64_t size() const { return int64_t(tokens_.size()); }
  // A token as the vocabulary writes it, empty for a number without; and the way back.
  const std::string& token(int64_t id) const;
  std::optional<int64_t> id(const std::string& token) const;
  bool is_special(int64_t id) const;

  // Which tokens begin, end and fill a text; what the tokenizer was made of.
  const TokenRoles& roles() const { return parts_.roles; }
  const Parts& parts() const { return parts_; }

 private:
  using OnPiece = std::function<void(std::string_view piece, const AddedToken* token)>;

  void cut(std::string_view text, bool normalized, const OnPiece& piece) const;
  // Ids by word, of one text.
  using Cache = std::unordered_map<std::string, std::vector<int64_t>>;
  void encode_piece(std::string_view piece, Cache& cache, std::vector<int64_t>& ids) const;

  Parts parts_;
  std::vector<std::string> tokens_;  // by id
  std::unordered_map<int64_t, const AddedToken*> added_;
};

}  // namespace papilio::nn
