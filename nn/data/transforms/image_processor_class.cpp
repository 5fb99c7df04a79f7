#include "nn/data/transforms/image_processor_class.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

namespace papilio::nn {

namespace {

const std::vector<double> kImageNetMean{0.485, 0.456, 0.406}, kImageNetStd{0.229, 0.224, 0.225},
    kClipMean{0.48145466, 0.4578275, 0.40821073}, kClipStd{0.26862954, 0.26130258, 0.27577711};

ImageProcessor square(int64_t side, Interpolation resample, std::vector<double> mean = {},
                      std::vector<double> std = {}) {
  ImageProcessor p;
  p.height = p.width = side;
  p.resample = resample;
  if (!mean.empty()) {
    p.image_mean = std::move(mean);
    p.image_std = std::move(std);
  }
  return p;
}

// The shortest edge and the middle of it.
ImageProcessor edge(int64_t side, Interpolation resample, std::vector<double> mean,
                    std::vector<double> std) {
  ImageProcessor p = square(side, resample, std::move(mean), std::move(std));
  p.shortest_edge = side;
  p.do_center_crop = true;
  return p;
}

ImageProcessor cropped(ImageProcessor p) {
  p.do_center_crop = true;
  return p;
}

ImageProcessor not_normalized(ImageProcessor p) {
  p.do_normalize = false;
  return p;
}

using enum Interpolation;

// As Transformers 5.24 has them.
const std::array<ImageProcessorClass, 14>& classes() {
  static const std::array<ImageProcessorClass, 14> all = {{
      {"ViTImageProcessor", square(224, bilinear)},
      {"DeiTImageProcessor", cropped(square(256, bicubic)), true},
      {"BeitImageProcessor", square(224, bicubic), true},
      {"BitImageProcessor", edge(224, bicubic, kClipMean, kClipStd), true, false},
      {"CLIPImageProcessor", edge(224, bicubic, kClipMean, kClipStd), true, false},
      {"ChineseCLIPImageProcessor", edge(224, bicubic, kClipMean, kClipStd), true, false},
      {"SiglipImageProcessor", square(224, bicubic), false, false},
      {"BlipImageProcessor", square(384, bicubic, kClipMean, kClipStd)},
      {"FlavaImageProcessor", cropped(square(224, bicubic, kClipMean, kClipStd)), true},
      {"PvtImageProcessor", square(224, bicubic, kImageNetMean, kImageNetStd)},
      {"DINOv3ViTImageProcessor", square(224, bilinear, kImageNetMean, kImageNetStd)},
      {"Tipsv2ImageProcessor", not_normalized(square(448, bilinear))},
      {"LevitImageProcessor", edge(224, bicubic, kImageNetMean, kImageNetStd), true, false, 0,
       256.0 / 224},
      {"ConvNextImageProcessor", square(384, bicubic), false, false, 224.0 / 256},
  }};
  return all;
}

constexpr std::pair<std::string_view, std::string_view> kModels[] = {
    {"deit", "DeiTImageProcessor"},
    {"beit", "BeitImageProcessor"},
    {"data2vec-vision", "BeitImageProcessor"},
    {"bit", "BitImageProcessor"},
    {"dinov2", "BitImageProcessor"},
    {"dinov2_with_registers", "BitImageProcessor"},
    {"dinov3_vit", "DINOv3ViTImageProcessor"},
    {"hiera", "BitImageProcessor"},
    {"pixio", "BitImageProcessor"},
    {"clip", "CLIPImageProcessor"},
    {"chinese_clip", "ChineseCLIPImageProcessor"},
    {"siglip", "SiglipImageProcessor"},
    {"blip", "BlipImageProcessor"},
    {"flava", "FlavaImageProcessor"},
    {"pvt", "PvtImageProcessor"},
    {"pvt_v2", "PvtImageProcessor"},
    {"tipsv2", "Tipsv2ImageProcessor"},
    {"levit", "LevitImageProcessor"},
    {"convnext", "ConvNextImageProcessor"},
    {"convnextv2", "ConvNextImageProcessor"},
};

}  // namespace

const ImageProcessorClass* find_image_processor_class(std::string_view type) {
  std::string name(type);
  for (const std::string_view ending : {"Fast", "Pil"}) {
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  }
  constexpr std::string_view kOlder = "FeatureExtractor";
  if (name.ends_with(kOlder))
    name.replace(name.size() - kOlder.size(), kOlder.size(), "ImageProcessor");
  const auto found = std::ranges::find(classes(), name, &ImageProcessorClass::name);
  return found == classes().end() ? nullptr : &*found;
}

const ImageProcessorClass& image_processor_class_of_model(std::string_view model_type) {
  const auto* const found =
      std::ranges::find(kModels, model_type, &std::pair<std::string_view, std::string_view>::first);
  return found == std::end(kModels) ? classes()[0] : *find_image_processor_class(found->second);
}

ImageProcessor default_image_processor(std::string_view model_type, int64_t image_size,
                                       int64_t channels) {
  ImageProcessor p = image_processor_class_of_model(model_type).defaults;
  const bool dinov2 = model_type.starts_with("dinov2");
  if (dinov2 || model_type == "deit") {
    p.image_mean = kImageNetMean;
    p.image_std = kImageNetStd;
  }
  // DINOv2 takes any size, and its files ask for 224 of 256 although its models say 518.
  const int64_t side = dinov2 ? std::min<int64_t>(image_size, 224) : image_size;
  p.crop_height = p.crop_width = side;
  p.height = p.width = p.do_center_crop ? side * 256 / 224 : side;
  if (p.shortest_edge > 0) p.shortest_edge = p.height;
  if (channels != p.channels())
    p.image_mean = p.image_std = std::vector<double>(size_t(channels), 0.5);
  return p;
}

}  // namespace papilio::nn
