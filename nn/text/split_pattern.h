// A regular expression that divides text into words.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace papilio::nn {

// Unicode's White_Space, for a class in an expression; PCRE2's \s has U+180E besides.
extern const std::string kWhiteSpace;

// GPT-2's: 's 't 're 've 'm 'll 'd, letters, digits, others, each with a space before it, and white
// space, whose last character goes to the word behind it. White space is Unicode's property.
extern const std::string kGpt2Pattern;

// Perl's syntax with Unicode's classes. Copies share the compiled expression; several threads may
// use one.
class SplitPattern {
 public:
  // Throws ArgumentError for text that is no regular expression.
  explicit SplitPattern(const std::string& expression);

  // Calls `word` with one piece of the text after the other; together they are the text. What lies
  // between two matches is a piece too, bytes that are no UTF-8 among it.
  void split(std::string_view text, const std::function<void(std::string_view)>& word) const;
  // The same of the matches alone.
  void find(std::string_view text, const std::function<void(std::string_view)>& word) const;

 private:
  std::shared_ptr<const void> code_;
};

}  // namespace papilio::nn
