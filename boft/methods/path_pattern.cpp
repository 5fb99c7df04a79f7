#include "boft/methods/detail/path_pattern.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "nn/detail/regular_expression.h"
#include "tensor/error.h"

namespace papilio::boft {

namespace {

constexpr size_t kLongest = 65536;
constexpr uint32_t kSteps = 1'000'000;  // of backtracking, for one path: some 20 ms
constexpr uint32_t kHeapKilobytes = 20'000;

// The expression as an error message shows it.
std::string shortened(std::string_view text) {
  constexpr size_t kShown = 60;
  return text.size() <= kShown ? std::string(text) : str(text.substr(0, kShown), "...");
}

struct Match {
  std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits{
      pcre2_match_context_create(nullptr), pcre2_match_context_free};
  nn::MatchData data;

  explicit Match(const pcre2_code* code) : data(nn::match_data(code)) {
    if (!limits) throw OutOfMemoryError("regular expression: out of memory");
    pcre2_set_match_limit(limits.get(), kSteps);
    pcre2_set_heap_limit(limits.get(), kHeapKilobytes);
  }

  // The number of groups found, one more than the last's; 0 if nothing matches.
  int run(const pcre2_code* code, std::string_view path, uint32_t how, const std::string& field,
          const std::string& text) {
    const int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(path.data()), path.size(), 0,
                                  how, data.get(), limits.get());
    if (found >= 0 || found == PCRE2_ERROR_NOMATCH) return std::max(found, 0);
    throw ArgumentError(str(field, ": \"", shortened(text), "\" cannot be matched with ", path,
                            " (", nn::expression_error(found), ")"));
  }
};

}  // namespace

PathPattern::PathPattern(std::string field, std::string_view text)
    : field_(std::move(field)), text_(text) {
  check(text.size() <= kLongest, field_, ": expected a regular expression of at most ", kLongest,
        " bytes, got ", text.size());
  code_ = nn::compiled_expression(field_, text, shortened(text),
                                  PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY);
}

bool PathPattern::full_match(std::string_view path) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  return Match(code).run(code, path, PCRE2_ANCHORED | PCRE2_ENDANCHORED, field_, text_) > 0;
}

std::optional<std::string> PathPattern::group(std::string_view path, const char* name) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const int number = pcre2_substring_number_from_name(code, reinterpret_cast<PCRE2_SPTR>(name));
  return number > 0 ? group(path, number) : std::nullopt;
}

std::optional<std::string> PathPattern::group(std::string_view path, int number) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  Match match(code);
  if (match.run(code, path, PCRE2_ANCHORED, field_, text_) <= number) return {};
  const size_t* ends = pcre2_get_ovector_pointer(match.data.get()) + 2 * number;
  if (ends[0] == PCRE2_UNSET) return {};
  return std::string(path.substr(ends[0], ends[1] - ends[0]));
}

}  // namespace papilio::boft
