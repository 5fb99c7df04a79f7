// A tar file of any bytes, packed by gzip or not, as a WebDataset: samples, or a FileError.
#include <cstddef>
#include <cstdint>

#include "nn/data/sources/webdataset.h"
#include "tensor/error.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace papilio;
  static fuzz::MemoryFile file;
  static fuzz::Folder folder;
  static const bool linked = (folder.link("a.tar", file), true);
  static_cast<void>(linked);
  file.write(data, size);
  try {
    if (!nn::is_webdataset(folder.path())) return 0;
    const nn::ImageSplits splits =
        nn::open_webdataset(folder / "a.tar", {.validation = 0, .test = 0});
    for (int64_t i = 0; i < splits.train->size(); ++i) {
      try {
        splits.train->sample(i);
      } catch (const FileError&) {  // a picture that is none
      }
    }
  } catch (const FileError&) {
  }
  return 0;
}
