// The image processor classes of Transformers that feed vision transformers, and what each does
// if its file says nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nn/data/transforms/image_processor.h"

namespace papilio::nn {

// What the class does by itself.
struct ImageProcessorClass {
  std::string_view name;
  ImageProcessor defaults;
  bool knows_crop = false;       // has a crop_size of its own
  bool number_is_square = true;  // a bare number as size: a square, or the shortest edge
  // ConvNeXt's: below 384 pixels the shortest edge is enlarged by 1 / crop_pct and its square cut
  // out of the middle; above, pictures become squares. 0 for classes that know no such thing.
  double crop_pct = 0;
  double enlarged = 1;  // LeViT's: the shortest edge times this
};

// The class of an `image_processor_type` or the older `feature_extractor_type`, with or without
// "Fast" and "Pil" at its end; null for one that is not known.
const ImageProcessorClass* find_image_processor_class(std::string_view type);
// The one that Transformers takes for a model whose file names none; ViTImageProcessor's for models
// that are not known.
const ImageProcessorClass& image_processor_class_of_model(std::string_view model_type);

// What a folder of this kind of model would say that has no preprocessor_config.json: the class's
// defaults at the model's size, with ImageNet's mean and deviation for the models that were trained
// so (DeiT, DINOv2).
ImageProcessor default_image_processor(std::string_view model_type, int64_t image_size,
                                       int64_t channels);

}  // namespace papilio::nn
