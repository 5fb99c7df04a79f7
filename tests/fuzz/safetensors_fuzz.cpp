// The safetensors reader on any bytes: tensors of those that it takes, FileError for the others.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "tensor/error.h"
#include "tensor/files/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace papilio;
  const int file = ::memfd_create("fuzz", 0);
  if (file < 0 || ::write(file, data, size) != ssize_t(size)) std::abort();
  try {
    const SafetensorsReader reader("/proc/self/fd/" + std::to_string(file));
    double sum = 0;
    for (const auto& [name, entry] : reader.entries()) {
      try {
        for (double value : reader.tensor(name).to_vector<double>()) sum += value;
      } catch (const FileError&) {  // a dtype that Papilio does not have
      }
    }
    static volatile double keep;
    keep = sum;
  } catch (const FileError&) {
  }
  ::close(file);
  return 0;
}
