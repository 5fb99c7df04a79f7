// The two decoders behind decode_image, and what they share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "nn/data/formats/image.h"

namespace papilio::nn::codec {

// A picture as the file stores it; `orientation` is EXIF's, 1 (upright) to 8.
struct Decoded {
  Image image;
  int orientation = 1;
};
// Scaled as ScaledDecoding says it for `least_side`.
Decoded decode_jpeg(std::string_view bytes, const std::string& name, const ImageLimits& limits,
                    int64_t least_side);
Decoded decode_png(std::string_view bytes, const std::string& name, const ImageLimits& limits);

// Throws FileError if the limits forbid a picture of this size.
void check_size(const std::string& name, int64_t width, int64_t height, const ImageLimits& limits);

}  // namespace papilio::nn::codec
