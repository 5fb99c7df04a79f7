#include "nn/text/split_pattern.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "nn/detail/regular_expression.h"
#include "tensor/error.h"

namespace papilio::nn {

const std::string kWhiteSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

const std::string kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{L}\p{N})" +
                                 kWhiteSpace + "]+|[" + kWhiteSpace + "]+(?![^" + kWhiteSpace +
                                 "])|[" + kWhiteSpace + "]+";

SplitPattern::SplitPattern(const std::string& expression) {
  // Bytes that are no UTF-8 match nothing.
  const std::shared_ptr<pcre2_code> code = compiled_expression(
      "SplitPattern", expression, expression,
      PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C);
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // without it matches are interpreted
  code_ = code;
}

void SplitPattern::split(std::string_view text,
                         const std::function<void(std::string_view)>& word) const {
  const char* given = text.data();
  const auto rest_until = [&](const char* end) {
    if (end > given) word({given, size_t(end - given)});
  };
  find(text, [&](std::string_view match) {
    rest_until(match.data());
    word(match);
    given = match.data() + match.size();
  });
  rest_until(text.data() + text.size());
}

void SplitPattern::find(std::string_view text,
                        const std::function<void(std::string_view)>& word) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const MatchData match = match_data(code);
  for (size_t start = 0; start < text.size();) {
    const int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                  start, 0, match.get(), nullptr);
    if (found == PCRE2_ERROR_NOMATCH) return;
    check(found >= 0, "SplitPattern: the text cannot be split (", expression_error(found), ")");
    const size_t* ends = pcre2_get_ovector_pointer(match.get());
    const size_t begin = ends[0], end = ends[1];
    start = std::max(end, start + 1);
    if (end > begin) word(text.substr(begin, end - begin));  // an empty match is none
  }
}

}  // namespace papilio::nn
