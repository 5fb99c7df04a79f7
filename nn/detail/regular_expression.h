// What PathPattern and SplitPattern share of PCRE2.
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace papilio::nn {

// `shown` is the text as an error message shows it. Throws ArgumentError, which begins with
// `operation`, for text that is no expression.
std::shared_ptr<pcre2_code> compiled_expression(const std::string& operation, std::string_view text,
                                                std::string_view shown, uint32_t options);

// What PCRE2 says of an error's number.
std::string expression_error(int error);

using MatchData = std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)>;

// Room for the places of one match. Throws OutOfMemoryError.
MatchData match_data(const pcre2_code* code);

}  // namespace papilio::nn
