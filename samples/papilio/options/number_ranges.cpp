#include "samples/papilio/options/number_ranges.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>

#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/toml.h"
#include "tensor/text.h"

namespace papilio::cli {

std::vector<int64_t> parse_ranges(const std::string& name, const std::string& text, int64_t count,
                                  const std::string& what) {
  std::vector<int64_t> result;
  const char* at = text.data();
  const char* end = at + text.size();
  const auto number = [&] {
    int64_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    check<UsageError>(error == std::errc() && *at != '-', name,
                      ": expected numbers like 3, 0-4 or 0,2,5-7, got ", toml_string(text));
    check<UsageError>(value < count, name, ": there is no ", what, ' ', value, "; there are 0 to ",
                      count - 1);
    at = next;
    return value;
  };
  for (;;) {
    const int64_t first = number();
    int64_t last = first;
    if (at != end && *at == '-') {
      ++at;
      last = number();
      check<UsageError>(last >= first, name, ": the range ", first, '-', last, " runs backwards");
    }
    for (int64_t i = first; i <= last; ++i) {
      check<UsageError>(std::ranges::find(result, i) == result.end(), name, ": ", what, ' ', i,
                        " is named twice");
      result.push_back(i);
    }
    if (at == end) return result;
    check<UsageError>(*at == ',', name, ": expected numbers like 3, 0-4 or 0,2,5-7, got ",
                      toml_string(text));
    ++at;
  }
}

std::vector<int64_t> parse_classes(const std::string& text, int64_t count) {
  return parse_ranges("--classes", text == "all" ? str("0-", count - 1) : text, count, "class");
}

std::string classes_text(const std::vector<int64_t>& classes) {
  std::vector<std::string> ranges;
  for (size_t i = 0; i < classes.size(); ++i) {
    size_t last = i;
    while (last + 1 < classes.size() && classes[last + 1] == classes[last] + 1) ++last;
    ranges.push_back(last > i ? str(classes[i], '-', classes[last]) : str(classes[i]));
    i = last;
  }
  return joined(ranges, ",");
}

}  // namespace papilio::cli
