// Resizing as PyTorch's antialiased interpolation does it on the CPU: torchvision takes it for
// tensors, and with it Transformers' processors that have no other backend.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/formats/pixels.h"
#include "nn/data/transforms/resize.h"

namespace papilio::nn {

// An Image of floats.
struct FloatImage {
  int64_t width = 0, height = 0, channels = 0;
  std::vector<float, CachedMemory<float>> pixels;  // (height, width, channels), row-major
};

// The window of a picture resized to (height, width): the width first, each axis with weights of
// 16 bits. Takes nearest, bilinear, bicubic and Lanczos; throws ArgumentError for box and Hamming,
// which PyTorch does not have, and for a window that is not inside.
Image resize_torch(const Image& image, int64_t height, int64_t width, Interpolation interpolation,
                   const Window& window);
// The same in float32.
FloatImage resize_torch(const FloatImage& image, int64_t height, int64_t width,
                        Interpolation interpolation, const Window& window);

}  // namespace papilio::nn
