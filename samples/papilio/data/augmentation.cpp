#include "samples/papilio/data/augmentation.h"

#include "nn/data/image_batches.h"
#include "nn/data/transforms/image_processor.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

void fit_augmentation_to_data(Options& options, AugmentSettings& s, const Data& data) {
  const bool made = data.source->processor.has_value();  // into the model's input
  options.applies_when(made, {&s.shift, &s.rotate}, kOwnProcessor);
  options.applies_when(!made,
                       {&s.crop, &s.padding, &s.min_scale, &s.interpolation, &s.hflip,
                        &s.rand_augment, &s.magnitude, &s.reprob, &s.scaled_decoding},
                       kNoProcessor);
  if (made) {
    s.crop = "none";
    s.hflip = s.reprob = 0;
    s.rand_augment = 0;
    s.scaled_decoding = false;
  } else {
    s.shift = s.rotate = 0;
  }
  if (data.source->drawings && !options.given(&s.hflip)) s.hflip = 0;
}

nn::ImageBatchOptions training_options(const AugmentSettings& s,
                                       const nn::ImageProcessor& processor,
                                       nn::OnCorrupt on_corrupt) {
  using Crop = nn::TrainTransform::Crop;
  const bool small = processor.out_height() <= 64;
  const Crop crop = s.crop == "none"                                    ? Crop::none
                    : s.crop == "padded" || (s.crop == "auto" && small) ? Crop::padded
                                                                        : Crop::resized;
  return {.transform = {.processor = processor,
                        .crop = crop,
                        .padding = s.padding,
                        .resized = {.min_scale = s.min_scale},
                        .interpolation = nn::interpolation(s.interpolation),
                        .hflip = s.hflip,
                        .rand_augment = {.num_ops = s.rand_augment, .magnitude = s.magnitude},
                        .random_erasing = {.p = s.reprob}},
          .affine = {.shift_pixels = s.shift, .rotation_degrees = s.rotate},
          .mixup = {.mixup_alpha = s.mixup, .cutmix_alpha = s.cutmix},
          .on_corrupt = on_corrupt,
          .scaled_decoding = s.scaled_decoding};
}

}  // namespace papilio::cli
