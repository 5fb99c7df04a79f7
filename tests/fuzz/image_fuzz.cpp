// JPEG and PNG pictures of any bytes: an image within the limits or a FileError.
#include <cstdint>
#include <cstdlib>

#include "nn/data/formats/image.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace papilio;
  try {
    const nn::Image image =
        nn::decode_image({reinterpret_cast<const char*>(data), size}, "fuzz",
                         {.max_width = 256, .max_height = 256, .max_scans = 20});
    const auto expected = size_t(image.width * image.height * image.channels);
    if (image.pixels.size() != expected || image.width > 256 || image.height > 256) std::abort();
  } catch (const FileError&) {
  }
  return 0;
}
