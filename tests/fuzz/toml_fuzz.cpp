// A run.toml of any bytes: entries, or a FileError.
#include <cstddef>
#include <cstdint>
#include <string>

#include "samples/papilio/options/toml.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace papilio;
  try {
    cli::parse_toml(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  } catch (const Error&) {
  }
  return 0;
}
