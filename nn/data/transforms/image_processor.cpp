#include "nn/data/transforms/image_processor.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "nn/data/formats/pixels.h"
#include "nn/data/transforms/crop.h"
#include "nn/data/transforms/detail/cut_out.h"
#include "nn/data/transforms/detail/resize_torch.h"
#include "nn/data/transforms/draw.h"
#include "tensor/error.h"

namespace papilio::nn {

void ImageProcessor::validate() const {
  const auto side = [](int64_t n) { return n >= 1 && n <= 16384; };
  check(side(out_height()) && side(out_width()) && side(height) && side(width) &&
            shortest_edge >= 0 && shortest_edge <= 16384 && middle_square >= 0 &&
            middle_square <= 16384,
        "ImageProcessor: expected sizes from 1 to 16384, got ", height, 'x', width,
        ", shortest edge ", shortest_edge, ", crop ", crop_height, 'x', crop_width);
  check(shortest_edge == 0 || do_center_crop || !do_resize,
        "ImageProcessor: a size by the shortest edge needs do_center_crop, or every image has "
        "another shape");
  check(backend == Backend::pillow || backend == Backend::timm ||
            (resample != Interpolation::box && resample != Interpolation::hamming),
        "ImageProcessor: PyTorch, which resizes here, has no ", interpolation_name(resample));
  check(channels() == 1 || channels() == 3,
        "ImageProcessor: expected a mean of 1 or 3 channels, got ", channels());
  check(image_std.size() == image_mean.size(),
        "ImageProcessor: expected as many deviations as means");
  for (double std : image_std)
    check(std > 0, "ImageProcessor: expected deviations above 0, got ", std);
}

ImageProcessor ImageProcessor::at_size(int64_t side) const {
  ImageProcessor p = *this;
  const auto grown = [&](int64_t whole, int64_t out) {
    return int64_t(std::round(double(whole) * double(side) / double(out)));
  };
  p.do_resize = do_resize || !do_center_crop;
  p.height = grown(height, out_height());
  p.width = grown(width, out_width());
  p.shortest_edge = grown(shortest_edge, std::max(out_height(), out_width()));
  p.middle_square = grown(middle_square, std::max(out_height(), out_width()));
  p.crop_height = p.crop_width = side;
  return p;
}

namespace {

CropRounding crop_rounding(ImageProcessor::Backend backend) {
  switch (backend) {
    case ImageProcessor::Backend::pillow:
      return CropRounding::down;
    case ImageProcessor::Backend::timm:
      return CropRounding::half_even;
    default:
      return CropRounding::toward_zero;
  }
}

// resize(picture, whole, window): the window of the picture resized to `whole`.
template <class Picture, class Resize>
Picture fit(const ImageProcessor& p, Picture picture, const Resize& resize) {
  const CropRounding rounding = crop_rounding(p.backend);
  std::vector<ImageSize> crops;
  if (p.do_resize && p.middle_square > 0) crops.push_back({p.middle_square, p.middle_square});
  if (p.do_center_crop) crops.push_back({p.crop_height, p.crop_width});
  if (p.do_resize) {
    const ImageSize whole = p.shortest_edge > 0
                                ? shortest_edge_size(picture.height, picture.width, p.shortest_edge)
                                : ImageSize{p.height, p.width};
    const ImageSize kept = crops.empty() ? whole : crops[0];
    picture = resize(picture, whole, center_window(whole, kept.height, kept.width, rounding));
  }
  for (const auto& [height, width] : crops) {
    picture = cut_out(picture, center_margin(picture.height, height, rounding),
                      center_margin(picture.width, width, rounding), height, width);
  }
  check(picture.height == p.out_height() && picture.width == p.out_width(),
        "ImageProcessor: expected images of ", p.out_height(), 'x', p.out_width(), " pixels, got ",
        picture.height, 'x', picture.width);
  return picture;
}

// The image with so many channels: itself, or what is put into `converted`.
const Image& in_channels(const Image& image, int64_t channels, Image& converted) {
  if (image.channels == channels) return image;
  return converted = with_channels(image, channels);
}

}  // namespace

Image ImageProcessor::geometry(const Image& image) const {
  const bool pillow = backend == Backend::pillow || backend == Backend::timm;
  return fit(*this, with_channels(image, channels()),
             [&](const Image& in, const ImageSize& whole, const Window& window) {
               return pillow ? resize(in, whole.height, whole.width, resample, window)
                             : resize_torch(in, whole.height, whole.width, resample, window);
             });
}

void ImageProcessor::operator()(const Image& image, float* out) const {
  if (!keeps_floats()) return normalize(geometry(image), out);
  const Image whole = with_channels(image, channels());
  FloatImage floats{whole.width, whole.height, whole.channels, {}};
  floats.pixels.reserve(whole.pixels.size());
  for (const uint8_t v : whole.pixels) floats.pixels.push_back(float(v) * float(rescale_factor));
  floats = fit(*this, std::move(floats),
               [&](const FloatImage& in, const ImageSize& size, const Window& window) {
                 return resize_torch(in, size.height, size.width, resample, window);
               });
  const size_t step = size_t(channels());
  for (size_t c = 0; c < step; ++c) {
    const float mean = do_normalize ? float(image_mean[c]) : 0,
                std = do_normalize ? float(image_std[c]) : 1;
    for (size_t i = c; i < floats.pixels.size(); i += step)
      *out++ = (floats.pixels[i] - mean) / std;
  }
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
  Image image{width, height, channels(), Pixels(size_t(height * width * channels()))};
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

namespace {

void flip_rows(float* x, int64_t rows, int64_t width) {
  for (int64_t y = 0; y < rows; ++y) std::reverse(x + y * width, x + (y + 1) * width);
}

}  // namespace

int64_t TrainTransform::least_side() const {
  const ImageProcessor& p = processor;
  if (crop == Crop::resized) {
    // The part's shorter side is at least sqrt(min_scale min_ratio) of the picture's.
    const double share =
        std::sqrt(resized.min_scale * std::min(resized.min_ratio, 1 / resized.max_ratio));
    return int64_t(std::ceil(2 * double(std::max(p.out_height(), p.out_width())) / share));
  }
  if (!p.do_resize) return 0;
  return 2 * std::max(p.middle_square,
                      p.shortest_edge > 0 ? p.shortest_edge : std::max(p.height, p.width));
}

void TrainTransform::operator()(const Image& image, Generator& generator, float* out) const {
  Draw draw(generator);
  const int64_t height = processor.out_height(), width = processor.out_width();
  if (processor.keeps_floats() && crop == Crop::none && rand_augment.num_ops == 0) {
    processor(image, out);
    if (draw.chance(hflip)) flip_rows(out, processor.channels() * height, width);
    return random_erasing(out, processor.channels(), height, width, draw);
  }
  Image changed, converted;
  switch (crop) {
    case Crop::none:
      changed = processor.geometry(image);
      break;
    case Crop::padded:
      changed = random_crop(processor.geometry(image), height, width, padding, draw);
      break;
    case Crop::resized:
      changed = resized(in_channels(image, processor.channels(), converted), height, width,
                        interpolation, draw);
      break;
  }
  if (draw.chance(hflip)) changed = nn::hflip(std::move(changed));
  if (rand_augment.num_ops > 0) changed = rand_augment(changed, draw);
  processor.normalize(changed, out);
  random_erasing(out, processor.channels(), height, width, draw);
}

}  // namespace papilio::nn
