// Errors. A message names the operation, then what was expected, then what came.
#pragma once

#include <sstream>
#include <string>

#include "kernels/error.h"

namespace papilio {

// Wrong arguments: shapes, dtypes, values out of range.
struct ArgumentError : Error {
  using Error::Error;
};

// A file that could not be read or written, or that breaks its format's rules.
struct FileError : Error {
  using Error::Error;
};

// str("a", 1, shape): everything streamed into one string.
template <class... Parts>
std::string str(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// check(x.dim() == 2, "matmul: expected ..., got ", x.shape());
template <class E = ArgumentError, class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    throw E(str(parts...));
}

}  // namespace papilio
