// Pictures: 8-bit pixels out of JPEG and PNG files, and PNG files out of pixels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "nn/data/formats/pixels.h"

namespace papilio::nn {

struct Image {
  int64_t width = 0, height = 0, channels = 0;  // 1 channel is grey, 3 are RGB
  Pixels pixels;                                // (height, width, channels), row-major

  bool operator==(const Image&) const = default;
};

// What a file may ask for before it is refused: a small one can claim to hold a huge picture.
struct ImageLimits {
  int64_t max_width = 16384, max_height = 16384;
  int64_t max_pixels = 89'478'485;  // 256 MB of RGB, as Pillow's MAX_IMAGE_PIXELS
  int64_t max_scans = 100;          // of a progressive JPEG: each goes over the whole picture
};

// The picture in a JPEG or PNG file's bytes, upright (by EXIF, else XMP; codec::orientation), with
// the pixels of Pillow's exif_transpose and convert("RGB") or "L": palettes become RGB, 16-bit
// channels lose their low byte (but Pillow clips 16-bit grey at 255), CMYK becomes RGB;
// transparency is dropped, colour profiles are ignored. Faults that change no pixel cost no picture
// (bytes between markers, a missing IEND and others that Pillow passes over). Throws FileError,
// beginning with `name`, for other formats, which it names, data that is truncated or corrupt in
// any other way that libjpeg-turbo or libpng notices, and pictures beyond the limits.
Image decode_image(std::string_view bytes, const std::string& name, const ImageLimits& limits = {});
// The same of a file of at most 1 GB.
Image read_image(const std::filesystem::path& path, const ImageLimits& limits = {});

// While one lives, this thread decodes JPEG pictures at 1/2, 1/4 or 1/8 of their width and height,
// rounded up: the smallest whose shorter side keeps `least_side` pixels (libjpeg's scale_denom,
// Pillow's draft). That costs a part of the time, and gives each pixel's mean to the eye, not to
// the bit. 0, and pictures that are not JPEG: no change. The limits are those of the whole picture.
class ScaledDecoding {
 public:
  explicit ScaledDecoding(int64_t least_side);
  ~ScaledDecoding();
  ScaledDecoding(const ScaledDecoding&) = delete;
  ScaledDecoding& operator=(const ScaledDecoding&) = delete;

 private:
  int64_t before_;
};

// Whether a file's name says that it is one: .jpg, .jpeg or .png, in any case.
bool has_image_extension(const std::filesystem::path& path);

// The image with 1 channel or 3. Grey of RGB is (19595 R + 38470 G + 7471 B) / 2^16, rounded
// (ITU-R 601-2 luma, as Pillow's convert("L")).
Image with_channels(const Image& image, int64_t channels);

// A PNG file of an image of 1 or 3 channels.
std::string encode_png(const Image& image);

}  // namespace papilio::nn
