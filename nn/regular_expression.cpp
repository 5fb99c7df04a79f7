#include "nn/detail/regular_expression.h"

#include <cstddef>

#include "tensor/error.h"

namespace papilio::nn {

std::shared_ptr<pcre2_code> compiled_expression(const std::string& operation, std::string_view text,
                                                std::string_view shown, uint32_t options) {
  int error = 0;
  size_t at = 0;
  pcre2_code* const code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                         options, &error, &at, nullptr);
  check(code != nullptr, operation, ": \"", shown, "\" is not a regular expression (",
        expression_error(error), ", behind byte ", at, ")");
  return {code, pcre2_code_free};
}

std::string expression_error(int error) {
  PCRE2_UCHAR text[256] = {};  // stays empty if PCRE2 does not know the number
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

MatchData match_data(const pcre2_code* code) {
  MatchData data{pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free};
  if (!data) throw OutOfMemoryError("regular expression: out of memory");
  return data;
}

}  // namespace papilio::nn
