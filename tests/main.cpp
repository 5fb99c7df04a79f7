#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "tensor/device.h"

// AddressSanitizer builds: an allocation no machine can serve fails as it does elsewhere. The names
// are the runtime's.
extern "C" const char* __asan_default_options();   // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __asan_default_options() {  // NOLINT(bugprone-reserved-identifier)
  return "allocator_may_return_null=1";
}
// Clang's OpenMP keeps something of each thread that computed and ended.
extern "C" const char* __lsan_default_suppressions();   // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "leak:libomp.so";
}

// doctest's, but no run on a device that is not there: each case would be passed over.
int main(int argc, char** argv) {
  const char* device = std::getenv("PAPILIO_TEST_DEVICE");
  if (device != nullptr && std::string_view(device) == "cuda" &&
      papilio::cuda_device_count() == 0) {
    std::cerr << "PAPILIO_TEST_DEVICE=cuda: expected a GPU, found none\n";
    return 2;
  }
  return doctest::Context(argc, argv).run();
}
