#include "boft/methods/fields.h"

#include <algorithm>
#include <cmath>

#include "tensor/text.h"

namespace papilio::boft {

void FieldCheck::integer(const char* key, int64_t& value, int64_t least, int64_t most) {
  if (most == INT64_MAX)
    check(value >= least, config_, ": expected ", key, " >= ", least, ", got ", value);
  else
    check(value >= least && value <= most, config_, ": expected ", key, " from ", least, " to ",
          most, ", got ", value);
}

void FieldCheck::number(const char* key, double& value, double least) {
  if (std::isinf(least))
    check(std::isfinite(value), config_, ": expected a finite ", key, ", got ", value);
  else
    check(std::isfinite(value) && value >= least, config_, ": expected ", key, " >= ", least,
          ", got ", value);
}

void FieldCheck::rate(const char* key, double& value) {
  check(value >= 0 && value < 1, config_, ": expected ", key, " in [0, 1), got ", value);
}

void FieldCheck::choice(const char* key, std::string& value, Names choices) {
  check(std::ranges::find(choices, value) != choices.end(), config_, ": expected ", key, " to be ",
        joined(quoted({choices.begin(), choices.end()}), ", ", " or "), ", got \"", value, '"');
}

void FieldCheck::indices(const char* key, std::vector<int64_t>& value) {
  for (const int64_t index : value)
    check(index >= 0, config_, ": expected ", key, " >= 0, got ", index);
}

void FieldCheck::integers_by_module(const char* key, std::map<std::string, int64_t>& value,
                                    int64_t least) {
  for (const auto& [module, number] : value)
    check(number >= least, config_, ": expected ", key, " >= ", least, ", got ", number, " for \"",
          module, '"');
}

void FieldCheck::numbers_by_module(const char* key, std::map<std::string, double>& value) {
  for (const auto& [module, number] : value)
    check(std::isfinite(number), config_, ": expected finite numbers in ", key, ", got ", number,
          " for \"", module, '"');
}

}  // namespace papilio::boft
