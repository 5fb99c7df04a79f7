#include "nn/data/sources/detail/part_names.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace papilio::nn {

Part part_named(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return char(std::tolower(c)); });
  const auto is_one_of = [&](auto... names) { return ((lower == names) || ...); };
  if (is_one_of("train", "training")) return Part::train;
  if (is_one_of("val", "valid", "validation", "dev")) return Part::validation;
  if (is_one_of("test", "testing")) return Part::test;
  return Part::none;
}

}  // namespace papilio::nn
