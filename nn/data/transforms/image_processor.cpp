#include "nn/data/transforms/image_processor.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "tensor/error.h"

namespace papilio::nn {

void ImageProcessor::validate() const {
  const auto side = [](int64_t n) { return n >= 1 && n <= 16384; };
  check(side(out_height()) && side(out_width()) && side(height) && side(width) &&
            shortest_edge >= 0 && shortest_edge <= 16384,
        "ImageProcessor: expected sizes from 1 to 16384, got ", height, 'x', width,
        ", shortest edge ", shortest_edge, ", crop ", crop_height, 'x', crop_width);
  check(shortest_edge == 0 || do_center_crop || !do_resize,
        "ImageProcessor: a size by the shortest edge needs do_center_crop, "
        "or every image has another shape");
  check(channels() == 1 || channels() == 3,
        "ImageProcessor: expected a mean of 1 or 3 channels, got ", channels());
  check(image_std.size() == image_mean.size(),
        "ImageProcessor: expected as many deviations as means");
  for (double std : image_std)
    check(std > 0, "ImageProcessor: expected deviations above 0, got ", std);
}

Image ImageProcessor::geometry(const Image& image) const {
  Image out = with_channels(image, channels());
  const ImageSize whole =
      shortest_edge > 0 ? shortest_edge_size(out, shortest_edge) : ImageSize{height, width};
  if (do_resize && do_center_crop) {
    out = resize_center_crop(out, whole, crop_height, crop_width, resample);
  } else if (do_resize) {
    out = resize(out, whole.height, whole.width, resample);
  } else if (do_center_crop) {
    out = center_crop(out, crop_height, crop_width);
  }
  check(out.height == out_height() && out.width == out_width(),
        "ImageProcessor: expected images of ", out_height(), 'x', out_width(), " pixels, got ",
        out.height, 'x', out.width);
  return out;
}

void ImageProcessor::normalize(const Image& image, float* out) const {
  const int64_t count = image.height * image.width;
  for (int64_t c = 0; c < image.channels; ++c) {
    float table[256];
    for (int v = 0; v < 256; ++v) {
      // A volatile product is rounded before the mean is taken from it, as NumPy's: no fused
      // multiply-add, whose 120 / 120 - 1 need not be 0.
      const volatile double scaled = do_rescale ? v * rescale_factor : v;
      double value = scaled;
      if (do_normalize) value = (value - image_mean[size_t(c)]) / image_std[size_t(c)];
      table[v] = float(value);
    }
    const uint8_t* from = image.pixels.data() + c;
    for (int64_t i = 0; i < count; ++i) *out++ = table[from[i * image.channels]];
  }
}

Image ImageProcessor::denormalize(const float* x, int64_t height, int64_t width) const {
  Image image{width, height, channels(), std::vector<uint8_t>(size_t(height * width * channels()))};
  for (int64_t c = 0; c < channels(); ++c) {
    for (int64_t i = 0; i < height * width; ++i) {
      double value = *x++;
      if (do_normalize) value = value * image_std[size_t(c)] + image_mean[size_t(c)];
      if (do_rescale) value /= rescale_factor;
      image.pixels[size_t(i * channels() + c)] =
          uint8_t(std::lround(std::clamp(value, 0.0, 255.0)));
    }
  }
  return image;
}

ImageProcessor image_processor_for(int64_t height, int64_t width, int64_t channels) {
  ImageProcessor p;
  p.height = p.crop_height = height;
  p.width = p.crop_width = width;
  if (channels == 1) {
    p.image_mean = p.image_std = {0.5};
  } else {
    p.image_mean = {0.485, 0.456, 0.406};
    p.image_std = {0.229, 0.224, 0.225};
  }
  return p;
}

void TrainTransform::operator()(const Image& image, Generator& generator, float* out) const {
  Draw draw(generator);
  const int64_t height = processor.out_height(), width = processor.out_width();
  Image changed;
  switch (crop) {
    case Crop::none:
      changed = processor.geometry(image);
      break;
    case Crop::padded:
      changed = random_crop(processor.geometry(image), height, width, padding, draw);
      break;
    case Crop::resized:
      changed =
          resized(with_channels(image, processor.channels()), height, width, interpolation, draw);
      break;
  }
  if (draw.chance(hflip)) changed = nn::hflip(changed);
  if (rand_augment.num_ops > 0) changed = rand_augment(changed, draw);
  processor.normalize(changed, out);
  random_erasing(out, processor.channels(), height, width, draw);
}

}  // namespace papilio::nn
