// model.safetensors.index.json of any bytes beside two files of weights: tensors, or a FileError.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "nn/models/detail/checkpoint_weights.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tensor/files/safetensors.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace papilio;
  static fuzz::MemoryFile index;
  static fuzz::Folder folder;
  static const bool made = [] {
    save_safetensors(folder / "a.safetensors", {{"one", zeros({2})}, {"two", zeros({3})}});
    save_safetensors(folder / "b.safetensors", {{"three", zeros({1, 2})}});
    folder.link("model.safetensors.index.json", index);
    return true;
  }();
  static_cast<void>(made);
  index.write(data, size);
  try {
    std::map<std::string, std::string> unsupported;
    nn::read_checkpoint_weights(folder.path(), unsupported);
  } catch (const FileError&) {
  }
  return 0;
}
