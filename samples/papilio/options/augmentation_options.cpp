#include "samples/papilio/options/augmentation_options.h"

namespace papilio::cli {

void add_augmentation(Options& options, AugmentSettings& s) {
  options.section("Augmentation");
  options.add("shift", &s.shift, "PIXELS", "digits: random shift, at most").range(0, 100);
  options.add("rotate", &s.rotate, "DEGREES", "digits: random rotation, at most").range(0, 180);
  options
      .add("crop", &s.crop, "WAY",
           "none; padded: a place drawn after padding; resized: a part drawn and resized; auto: "
           "padded for images of at most 64 pixels, else resized")
      .choices({"auto", "none", "padded", "resized"});
  options.add("padding", &s.padding, "PIXELS", "of a padded crop").range(0, 1000);
  options.add("min-scale", &s.min_scale, "SHARE", "least share of the area in a resized crop")
      .range(0.001, 1);
  options.add("interpolation", &s.interpolation, "NAME", "of resized crops")
      .choices({"nearest", "lanczos", "bilinear", "bicubic"});
  options.add("hflip", &s.hflip, "P", "probability of mirroring left and right")
      .range(0, 1)
      .default_is("0.5, of IDX files 0");
  options
      .add("rand-augment", &s.rand_augment, "N", "RandAugment: operations on an image; 0 for none")
      .range(0, 14);
  options.add("magnitude", &s.magnitude, "M", "RandAugment: strength, 0 to 30").range(0, 30);
  options.add("mixup", &s.mixup, "ALPHA", "mixup's alpha; 0 for none").range(0, 100);
  options.add("cutmix", &s.cutmix, "ALPHA", "CutMix's alpha; 0 for none").range(0, 100);
  options.flag("scaled-decoding", s.scaled_decoding,
               "JPEGs at 1/2, 1/4 or 1/8 of their size if each pixel still comes of two by two: "
               "faster for large photographs, and not the same bits");
  options.add("reprob", &s.reprob, "P", "probability of erasing a rectangle").range(0, 1);
}

std::vector<Options::Handle> augmentation_options(const AugmentSettings& s) {
  return {&s.shift,         &s.rotate, &s.crop,           &s.padding,   &s.min_scale,
          &s.interpolation, &s.hflip,  &s.rand_augment,   &s.magnitude, &s.mixup,
          &s.cutmix,        &s.reprob, &s.scaled_decoding};
}

}  // namespace papilio::cli
