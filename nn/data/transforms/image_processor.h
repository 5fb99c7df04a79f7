// From pictures to a model's input: the part that never changes (preprocessor_config.json of
// Hugging Face Transformers) and the random part that training puts before it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/transforms/crop.h"
#include "nn/data/transforms/rand_augment.h"
#include "nn/data/transforms/random_erasing.h"
#include "nn/data/transforms/resize.h"

namespace papilio::nn {

// Resize, crop the middle, scale, normalise: fields and defaults are those of ViTImageProcessor
// (image_processor_file.h reads and writes them).
struct ImageProcessor {
  // Whose arithmetic: how pixels are resized, and where crops of odd margins begin.
  enum class Backend {
    pillow,             // Transformers' on Pillow
    timm,               // torchvision's transforms of Pillow's pictures
    torchvision,        // Transformers' on torchvision: 8 bits, resized by PyTorch
    torchvision_floats  // DINOv3's: rescaled before it is resized, not rounded in between
  };

  Backend backend = Backend::pillow;
  bool do_resize = true;
  int64_t height = 224, width = 224;  // of the resized image
  int64_t shortest_edge = 0;          // if not 0, instead of height and width
  int64_t middle_square = 0;  // if not 0, what resizing leaves: ConvNeXt's, before center_crop
  Interpolation resample = Interpolation::bilinear;
  bool do_center_crop = false;
  int64_t crop_height = 224, crop_width = 224;
  bool do_rescale = true;
  double rescale_factor = 1.0 / 255;
  bool do_normalize = true;
  std::vector<double> image_mean{0.5, 0.5, 0.5}, image_std{0.5, 0.5, 0.5};  // 1 value: grey images

  // What the model takes: channels, height and width.
  int64_t channels() const { return int64_t(image_mean.size()); }
  int64_t out_height() const { return do_center_crop ? crop_height : height; }
  int64_t out_width() const { return do_center_crop ? crop_width : width; }
  bool keeps_floats() const { return backend == Backend::torchvision_floats && do_rescale; }

  // The same for images of side x side pixels: what is cut off at the edges keeps its share.
  ImageProcessor at_size(int64_t side) const;

  // Throws ArgumentError for sizes, means or deviations that make no sense.
  void validate() const;
  // Resized and cropped, with channels() channels, rounded to 8 bits. Throws ArgumentError for an
  // image that has another size than (out_height, out_width) then.
  Image geometry(const Image& image) const;
  // (value * rescale_factor - mean) / std of each channel into out: (channels, height, width).
  void normalize(const Image& image, float* out) const;
  // The picture that normalize made of x: (channels, height, width); what no picture makes is
  // clamped.
  Image denormalize(const float* x, int64_t height, int64_t width) const;
  // Both, without rounding if keeps_floats(). out: (channels, out_height, out_width)
  void operator()(const Image& image, float* out) const;
};

// Takes images of this size as they are, with ImageNet's mean and deviation or, of grey ones, 0.5.
ImageProcessor image_processor_for(int64_t height, int64_t width, int64_t channels);

// What training does instead of the processor's geometry, in timm's order: crop, flip, RandAugment,
// normalise, erase. Padded crops and RandAugment change 8-bit pictures, whatever the backend.
struct TrainTransform {
  enum class Crop { none, padded, resized };

  // Resizing, cropping and normalising; then what training adds.
  ImageProcessor processor;
  Crop crop = Crop::none;  // none: the processor's own geometry
  int64_t padding = 4;     // of padded: random_crop after the processor's geometry
  RandomResizedCrop resized = {};
  Interpolation interpolation = Interpolation::bicubic;  // of resized
  double hflip = 0;                                      // probability
  RandAugment rand_augment = {.num_ops = 0};
  RandomErasing random_erasing = {};

  // The shorter side that a picture wants so that each pixel made is made of at least two by two;
  // 0 if any size but its own changes what is seen (do_resize false).
  int64_t least_side() const;
  // out: (channels, out_height, out_width)
  void operator()(const Image& image, Generator& generator, float* out) const;
};

}  // namespace papilio::nn
