// The safetensors reader on any bytes: tensors of those that it takes, FileError for the others.
#include <cstddef>
#include <cstdint>

#include "tensor/error.h"
#include "tensor/files/safetensors.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace papilio;
  static fuzz::MemoryFile file;
  file.write(data, size);
  try {
    const SafetensorsReader reader(file.path());
    double sum = 0;
    for (const auto& [name, entry] : reader.entries()) {
      try {
        for (double value : reader.tensor(name).to_vector<double>()) sum += value;
      } catch (const FileError&) {  // a dtype that Papilio does not have
      }
    }
    static volatile double keep = 0;
    keep = keep + sum;
  } catch (const FileError&) {
  }
  return 0;
}
