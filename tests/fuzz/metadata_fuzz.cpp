// metadata.csv and metadata.jsonl beside pictures: the first byte chooses, the rest is the file.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "nn/data/formats/image.h"
#include "nn/data/sources/metadata_folder.h"
#include "tensor/error.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace papilio;

// A folder whose file of that name is the one in memory.
struct Pictures {
  fuzz::MemoryFile file;
  fuzz::Folder folder;

  explicit Pictures(const char* name) {
    std::filesystem::create_directory(folder / "test");
    for (const char* picture : {"a.png", "b.png", "test/c.png"})
      std::ofstream(folder / picture) << nn::encode_png({1, 1, 1, {7}});
    folder.link(name, file);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Pictures csv("metadata.csv"), lines("metadata.jsonl");
  if (size == 0) return 0;
  Pictures& pictures = data[0] % 2 == 0 ? csv : lines;
  pictures.file.write(data + 1, size - 1);
  try {
    if (!nn::is_metadata_folder(pictures.folder.path())) return 0;
    const nn::ImageSplits splits =
        nn::open_metadata_folder(pictures.folder.path(), {.validation = 0, .test = 0});
    for (int64_t i = 0; i < splits.train->size(); ++i) splits.train->sample(i);
  } catch (const FileError&) {
  }
  return 0;
}
