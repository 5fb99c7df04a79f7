// preprocessor_config.json, processor_config.json and timm's pretrained_cfg: the first byte
// chooses, the rest is the text. What is read is written and read again the same, and pictures
// become what it says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/transforms/image_processor_file.h"
#include "tensor/error.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace papilio;

constexpr const char* kClasses[] = {"ViTImageProcessor",      "DeiTImageProcessor",
                                    "BitImageProcessor",      "DINOv3ViTImageProcessor",
                                    "ConvNextImageProcessor", "PoolFormerImageProcessor"};

nn::ImageProcessor parsed(int kind, const std::string& text) {
  static fuzz::MemoryFile file;
  static fuzz::Folder folder;
  static const bool linked = (folder.link("processor_config.json", file), true);
  if (kind == 6 && linked) {
    file.write(text.data(), text.size());
    const std::optional<nn::ImageProcessorText> found = nn::image_processor_in(folder.path());
    return nn::parse_image_processor(found ? found->text : "{}", "fuzz").processor;
  }
  if (kind == 7) return nn::parse_timm_processor(text, "fuzz");
  return nn::parse_image_processor(text, "fuzz", {.processor_class = kClasses[kind]}).processor;
}

void process(const nn::ImageProcessor& p) {
  if (p.out_height() > 64 || p.out_width() > 64) return;
  for (const auto& [width, height] : {std::pair{5, 7}, {9, 4}}) {
    const nn::Image image{width, height, 3, nn::Pixels(size_t(3 * width * height), 77)};
    std::vector<float> out(size_t(p.channels() * p.out_height() * p.out_width()));
    try {
      p(image, out.data());
    } catch (const ArgumentError&) {  // do_resize false, and another size
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  try {
    const nn::ImageProcessor p =
        parsed(data[0] % 8, std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
    const std::string text = nn::image_processor_text(p);
    const nn::ImageProcessor again = nn::parse_image_processor(text, "again").processor;
    if (nn::image_processor_text(again) != text || again.backend != p.backend) std::abort();
    process(p);
  } catch (const FileError&) {
  }
  return 0;
}
