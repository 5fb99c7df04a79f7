// The image processor classes of Transformers that feed vision transformers, and what each does
// if its file says nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nn/data/transforms/image_processor.h"
#include "nn/data/transforms/image_processor_file.h"

namespace papilio::nn {

// What the class does by itself.
struct ImageProcessorClass {
  // What a crop_pct does: nothing; below 384 pixels ConvNeXt enlarges the shortest edge by
  // 1 / crop_pct and cuts its square out of the middle, above pictures become squares; PoolFormer
  // enlarges sizes, and squares become shortest edges.
  enum class CropPct { none, convnext, poolformer };

  std::string_view name;
  ImageProcessor defaults;
  bool knows_crop = false;       // has a crop_size of its own
  bool number_is_square = true;  // a bare number as size: a square, or the shortest edge
  CropPct crop_pct_is = CropPct::none;
  double crop_pct = 0;
  double enlarged = 1;  // LeViT's: the shortest edge times this
  bool crops = true;    // do_center_crop does something
};

// The class of an `image_processor_type` or the older `feature_extractor_type`, with or without
// "Fast" and "Pil" at its end; null for one that is not computed here.
const ImageProcessorClass* find_image_processor_class(std::string_view type);
// Whether it is one of those that Transformers has and that make pictures in ways of their own:
// pairs, patches, padding, channels in reverse.
bool is_other_image_processor(std::string_view type);
// "ViTImageProcessor, DeiTImageProcessor, ...": those that are computed here.
std::string image_processor_class_names();
// The same; throws ArgumentError for one that is not computed here.
const ImageProcessorClass& image_processor_class(std::string_view type);

// What the model's folder would say if it had a preprocessor_config.json.
ImageProcessor default_image_processor(const ImageProcessorModel& model);

}  // namespace papilio::nn
