// What can be thrown this far down: a backend's own failures. Arguments are checked above.
#pragma once

#include <stdexcept>

namespace papilio {

// Everything Papilio throws. what() is one line for a person.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Memory could not be had; the message says how much was asked for. Work can go on.
struct OutOfMemoryError : Error {
  using Error::Error;
};

}  // namespace papilio
