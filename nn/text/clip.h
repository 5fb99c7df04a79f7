// CLIP's way of reading text. Radford and others: "Learning transferable visual models from natural
// language supervision", 2021.
#pragma once

#include <string>
#include <string_view>

#include "nn/text/tokenizer.h"

namespace papilio::nn {

// Words: the two special tokens, 's 't 're 've 'm 'll 'd, letters, single digits, others;
// as tokenizer.json writes it.
extern const std::string kClipPattern;

// Text in normal form C, white space as single spaces, lower case.
std::string normalize_for_clip(std::string_view text);

// Makes a tokenizer read as CLIP's: normalize_for_clip, kClipPattern, nothing of what lies between
// words, and the roles' bos before and eos behind every text.
void read_as_clip(Tokenizer::Parts& parts);
// Whether it was made to.
bool reads_as_clip(const Tokenizer::Parts& parts);

}  // namespace papilio::nn
