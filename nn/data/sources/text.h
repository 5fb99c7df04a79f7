// Text as sequences of tokens: files and folders of UTF-8, records with a prompt and its
// completion, and files of tokens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/dataset.h"
#include "nn/data/splits.h"
#include "nn/text/tokenizer.h"

namespace papilio::nn {

// Tokens that follow each other. Those from `counted` on are to be learned, each from all before
// it; the others are given.
struct TokenSequence {
  std::vector<int64_t> ids;
  int64_t counted = 1;
};
using TextData = SharedDataset<TokenSequence>;
using TextSplits = Splits<TokenSequence>;

// How texts become samples.
struct TextOptions {
  // Tokens that a sample is to predict: packed samples have one more, in which the next one begins.
  int64_t length = 256;
  // All texts one behind the other, cut into pieces of this length; false: each text, or line of
  // records, a sample of its own, which may be shorter and is cut if it is longer. Records with a
  // prompt always are.
  bool pack = true;
  HoldOut shares = {};  // of data without parts of their own
};

// The data at `path`:
//   a folder      files .txt, .jsonl and .safetensors below it, each a part by its own name or its
//                 folder's (train, validation, test); without such names what is not to train on is
//                 held out
//   .jsonl        a line: {"text": ...} or {"prompt": ..., "completion": ...}, whose completion
//                 alone counts
//   .safetensors  "tokens" (N) int32 or int64, which stay in the mapped file (save_tokens)
//   another file  UTF-8
// Behind each text stands the tokenizer's eos, if it has one. Throws FileError, beginning with the
// file and the place, for text that is not UTF-8, lines that are broken, ids that the tokenizer
// does not have, and data without a token to learn.
TextSplits open_text(const std::filesystem::path& path, const Tokenizer& tokenizer,
                     const TextOptions& options);

// The texts of all parts at `path` as they stand, one for each file or line of records: what a
// vocabulary is learned from. Throws FileError for what open_text refuses, and for files of tokens.
std::vector<std::string> read_texts(const std::filesystem::path& path);

// A file that open_text maps: tokens of a text, or of many with eos between them.
void save_tokens(const std::filesystem::path& path, const std::vector<int64_t>& tokens);

}  // namespace papilio::nn
