// Tokens that become text while they come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/text/tokenizer.h"

namespace papilio::nn {

// Gives text as soon as it is certain: whole characters of UTF-8, and nothing that may be the
// beginning of a stop string.
class TextStream {
 public:
  using OnText = std::function<void(std::string_view)>;

  // Everything given is UTF-8: bytes that are not become U+FFFD. Special tokens are left out.
  // Throws ArgumentError for a stop string that is empty.
  TextStream(const Tokenizer& tokenizer, std::vector<std::string> stop, OnText on_text);

  // The next token. False if the text has come to a stop string, which it is cut before.
  bool add(int64_t id);
  // What is still held back, at the end.
  void finish();
  // All that was given.
  const std::string& text() const { return text_; }

 private:
  void give(size_t bytes);

  const Tokenizer& tokenizer_;
  std::vector<std::string> stop_;
  OnText on_text_;
  std::string held_, text_;
  bool stopped_ = false;
};

}  // namespace papilio::nn
