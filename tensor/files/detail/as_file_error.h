// What a file says wrongly is the file's fault, not its reader's.
#pragma once

#include <string>

#include "tensor/error.h"

namespace papilio {

// f(); an error of type E becomes a FileError that begins with `where`, a FileError stays as it is.
template <class E = ArgumentError, class F>
decltype(auto) as_file_error(const std::string& where, F&& f) {
  try {
    return f();
  } catch (const FileError&) {
    throw;
  } catch (const E& e) {
    throw FileError(where + ": " + e.what());
  }
}

}  // namespace papilio
