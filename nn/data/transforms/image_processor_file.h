// preprocessor_config.json, by the class that it names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nn/data/transforms/image_processor.h"

namespace papilio::nn {

// The model that the file lies beside: it decides what the file leaves out.
struct ImageProcessorModel {
  std::string processor_class = "ViTImageProcessor";  // Transformers', if the file names none
  int64_t channels = 3;  // of a mean and a deviation that are one number each
  // If there is no file: the pictures' side, and whether mean and deviation are ImageNet's
  // rather than the class's.
  int64_t side = 224;
  bool imagenet_statistics = false;
};

// What a preprocessor_config.json holds.
struct ImageProcessorFile {
  ImageProcessor processor;
  // What the file says that is not done: unknown classes and keys, padding, channels in reverse.
  std::vector<std::string> warnings;
};

// Sizes are {"height", "width"}, {"shortest_edge"}, [height, width] or a number, which means what
// it means to the class. Throws FileError that begins with `where` and names the key, for wrong
// types and values, and for sizes that depend on the picture.
ImageProcessorFile parse_image_processor(const std::string& text, const std::string& where,
                                         const ImageProcessorModel& model = {});
// The same of a file.
ImageProcessorFile read_image_processor(const std::filesystem::path& path,
                                        const ImageProcessorModel& model = {});

// The text of a model folder's image processor, and where it stands: `image_processor` in
// processor_config.json, which Transformers 5 looks at first, or preprocessor_config.json. Empty if
// the folder has neither. Throws FileError.
struct ImageProcessorText {
  std::string text, where;
};
std::optional<ImageProcessorText> image_processor_in(const std::filesystem::path& folder);

// timm's pretrained_cfg (input_size, crop_pct, crop_mode, interpolation, mean, std), as timm's
// transforms for evaluation do it. Errors as above.
ImageProcessor parse_timm_processor(const std::string& pretrained_cfg, const std::string& where);
// preprocessor_config.json as Transformers' AutoImageProcessor reads it.
std::string image_processor_text(const ImageProcessor& processor);

}  // namespace papilio::nn
