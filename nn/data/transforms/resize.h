// Resizing, to the bit as Pillow 13 does it (and torchvision with it on Pillow's images).
#pragma once

#include <cstdint>
#include <string>

#include "nn/data/formats/image.h"

namespace papilio::nn {

// The numbers are Pillow's, as preprocessor_config.json has them.
enum class Interpolation {
  nearest = 0,
  lanczos = 1,
  bilinear = 2,
  bicubic = 3,
  box = 4,
  hamming = 5
};
// "bicubic" and so on. Throws ArgumentError for other names.
Interpolation interpolation(const std::string& name);
const char* interpolation_name(Interpolation interpolation);

// Antialiased: when shrinking, the filter grows with the scale. Bicubic is Keys' with a = -0.5,
// Lanczos has three lobes. One axis after the other, each rounded to 8 bits, in the order that
// Pillow 13 takes (before, it was always the width first, which may differ by 1). Throws
// ArgumentError for sizes below 1.
Image resize(const Image& image, int64_t height, int64_t width, Interpolation interpolation);

// Part of a resized image: (height, width) pixels from (top, left) on, inside the whole.
struct Window {
  int64_t top, left, height, width;
};
// The window of resize(image, height, width, interpolation), without the rest. Throws
// ArgumentError for a window that is not inside it.
Image resize(const Image& image, int64_t height, int64_t width, Interpolation interpolation,
             const Window& window);

// An image's size in pixels.
struct ImageSize {
  int64_t height, width;
};
// The size to which an image of (height, width) pixels comes if its shorter edge becomes `size` and
// the other follows in proportion, rounded down, as torchvision's Resize(size) has it.
ImageSize shortest_edge_size(int64_t height, int64_t width, int64_t size);
Image resize_shortest_edge(const Image& image, int64_t size, Interpolation interpolation);

}  // namespace papilio::nn
