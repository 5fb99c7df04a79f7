// Names that become files and folders: adapters, runs, checkpoints.
#pragma once

#include <string>
#include <string_view>

#include "tensor/error.h"

namespace papilio {

// Letters, digits, '.', '_' and '-', at most 200 of them, not beginning with '.': such a name stays
// inside its folder and is not hidden. Throws ArgumentError that begins with `operation`.
inline void check_name(const char* operation, std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  bool good = !name.empty() && name.size() <= 200 && name[0] != '.';
  std::string shown;
  for (char c : name.substr(0, 200)) {
    good = good && allowed(c);
    shown += c >= ' ' && c <= '~' ? c : '?';
  }
  check(good, operation,
        ": expected a name of 1 to 200 letters, digits, '.', '_' or '-' that does not begin with "
        "'.', got '",
        shown, name.size() > 200 ? "...'" : "'");
}

}  // namespace papilio
