#include "nn/data/sources/detail/part_names.h"

#include <string>

#include "tensor/detail/lower_case.h"

namespace papilio::nn {

Part part_named(std::string_view name) {
  const std::string lower = lower_case(name);
  const auto is_one_of = [&](auto... names) { return ((lower == names) || ...); };
  if (is_one_of("train", "training")) return Part::train;
  if (is_one_of("val", "valid", "validation", "dev")) return Part::validation;
  if (is_one_of("test", "testing")) return Part::test;
  return Part::none;
}

}  // namespace papilio::nn
