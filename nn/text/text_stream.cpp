#include "nn/text/text_stream.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "nn/text/utf8.h"
#include "tensor/error.h"

namespace papilio::nn {

TextStream::TextStream(const Tokenizer& tokenizer, std::vector<std::string> stop, OnText on_text)
    : tokenizer_(tokenizer), stop_(std::move(stop)), on_text_(std::move(on_text)) {
  check(std::ranges::none_of(stop_, &std::string::empty), "TextStream: a stop string is empty");
}

namespace {

// How many bytes at the end of `text` begin `word` without being all of it.
size_t overlap(std::string_view text, std::string_view word) {
  for (size_t n = std::min(text.size(), word.size() - 1); n > 0; --n)
    if (text.substr(text.size() - n) == word.substr(0, n)) return n;
  return 0;
}

}  // namespace

bool TextStream::add(int64_t id) {
  if (stopped_) return false;
  held_ += tokenizer_.decode(std::vector<int64_t>{id}, true);
  size_t end = held_.npos, back = unfinished_utf8(held_);
  for (const std::string& word : stop_) {
    end = std::min(end, held_.find(word));
    back = std::max(back, overlap(held_, word));
  }
  stopped_ = end != held_.npos;
  give(stopped_ ? end : held_.size() - back);
  if (stopped_) held_.clear();
  return !stopped_;
}

void TextStream::finish() {
  give(held_.size());
}

void TextStream::give(size_t bytes) {
  if (bytes == 0) return;
  const std::string text = valid_utf8(std::string_view(held_).substr(0, bytes));
  held_.erase(0, bytes);
  text_ += text;
  if (on_text_) on_text_(text);
}

}  // namespace papilio::nn
