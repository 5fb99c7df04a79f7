// The end of a program here.
#pragma once

#include <exception>
#include <iostream>

namespace papilio::test {

// The exit code of run(); an error is a line on standard error, and 1.
template <class F>
int or_say(F run) {
  try {
    return run();
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}

}  // namespace papilio::test
