#include "nn/text/split_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstddef>
#include <cstdint>

#include "tensor/error.h"

namespace papilio::nn {

namespace {

// Unicode's White_Space. PCRE2's \s has U+180E besides.
const std::string kSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

std::string reason(int error) {
  PCRE2_UCHAR text[256] = {};  // stays empty if PCRE2 does not know the number
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

const std::string kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{L}\p{N})" +
                                 kSpace + "]+|[" + kSpace + "]+(?![^" + kSpace + "])|[" + kSpace +
                                 "]+";

SplitPattern::SplitPattern(const std::string& expression) {
  int error = 0;
  size_t at = 0;
  // Bytes that are no UTF-8 match nothing.
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                    &error, &at, nullptr);
  check(code != nullptr, "SplitPattern: \"", expression, "\" is not a regular expression (",
        reason(error), ", behind byte ", at, ")");
  code_ = {code,
           [](const void* c) { pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(c))); }};
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without it matches are interpreted
}

void SplitPattern::split(std::string_view text,
                         const std::function<void(std::string_view)>& word) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match{
      pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free};
  if (!match) throw OutOfMemoryError("SplitPattern: out of memory");
  size_t given = 0, start = 0;
  while (start < text.size()) {
    const int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                  start, 0, match.get(), nullptr);
    if (found == PCRE2_ERROR_NOMATCH) break;
    check(found >= 0, "SplitPattern: the text cannot be split (", reason(found), ")");
    const size_t* ends = pcre2_get_ovector_pointer(match.get());
    const size_t begin = ends[0], end = ends[1];
    if (end == begin) {  // an empty match is none
      ++start;
      continue;
    }
    if (begin > given) word(text.substr(given, begin - given));
    word(text.substr(begin, end - begin));
    given = start = end;
  }
  if (given < text.size()) word(text.substr(given));
}

}  // namespace papilio::nn
