// What is said of a name that no adapter has.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/text.h"

namespace papilio::boft {

// Throws ArgumentError that names the operation and those that there are.
inline void check_adapter(const char* operation, const std::string& name,
                          const std::vector<std::string>& names) {
  check(std::ranges::find(names, name) != names.end(), operation, ": there is no adapter named ",
        name, "; there are: ", names.empty() ? "none" : joined(names, ", "));
}

}  // namespace papilio::boft
