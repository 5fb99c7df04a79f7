// adapter_config.json of any bytes: a configuration, which is written and read again the same, or
// an Error.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "boft/files/config_json.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace papilio;
  std::string written;
  try {
    const std::string text(reinterpret_cast<const char*>(data), size);
    written = boft::config_text(boft::parse_config(text, "fuzz").config);
  } catch (const Error&) {
    return 0;
  }
  // What Papilio writes it reads, the same.
  if (boft::config_text(boft::parse_config(written, "again").config) != written) std::abort();
  return 0;
}
