#include "nn/data/formats/image.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "nn/data/formats/detail/file.h"
#include "nn/data/formats/detail/image_codec.h"
#include "tensor/detail/lower_case.h"
#include "tensor/error.h"
#include "tensor/files/detail/file_format.h"

namespace papilio::nn {

namespace codec {

void check_size(const std::string& name, int64_t width, int64_t height, const ImageLimits& limits) {
  check<FileError>(width >= 1 && height >= 1, name, ": the picture is empty");
  check<FileError>(width <= limits.max_width && height <= limits.max_height &&
                       width <= limits.max_pixels / height,
                   name, ": the picture is ", width, 'x', height, " pixels; at most ",
                   limits.max_width, 'x', limits.max_height, " and ", limits.max_pixels,
                   " in all are read");
}

}  // namespace codec

namespace {

thread_local int64_t least_side_of_jpeg = 0;

// The picture as it stands upright. EXIF: 2 is mirrored, 3 turned by 180 degrees, 4 upside down
// mirrored; 5 to 8 have rows and columns exchanged.
Image upright(Image image, int orientation) {
  if (orientation == 1) return image;
  const bool exchanged = orientation >= 5;
  const bool right_to_left =
                 orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8,
             bottom_up =
                 orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image result{exchanged ? image.height : image.width, exchanged ? image.width : image.height,
               image.channels, Pixels(image.pixels.size())};
  uint8_t* to = result.pixels.data();
  for (int64_t y = 0; y < result.height; ++y) {
    for (int64_t x = 0; x < result.width; ++x) {
      int64_t row = exchanged ? x : y, column = exchanged ? y : x;
      if (bottom_up) row = image.height - 1 - row;
      if (right_to_left) column = image.width - 1 - column;
      const uint8_t* from = image.pixels.data() + (row * image.width + column) * image.channels;
      to = std::copy_n(from, image.channels, to);
    }
  }
  return result;
}

}  // namespace

Image decode_image(std::string_view bytes, const std::string& name, const ImageLimits& limits) {
  check<FileError>(!bytes.empty(), name, ": is empty");
  codec::Decoded decoded;
  if (bytes.starts_with("\xff\xd8\xff")) {
    decoded = codec::decode_jpeg(bytes, name, limits, least_side_of_jpeg);
  } else if (bytes.starts_with("\x89PNG\r\n\x1a\n")) {
    decoded = codec::decode_png(bytes, name, limits);
  } else {
    const std::string format = format_of(bytes);
    throw FileError(str(name, ": expected a JPEG or PNG picture, got ",
                        format.empty() ? "no picture" : format));
  }
  return upright(std::move(decoded.image), decoded.orientation);
}

Image read_image(const std::filesystem::path& path, const ImageLimits& limits) {
  return decode_image(read_file(path, 1'000'000'000), path.string(), limits);
}

ScaledDecoding::ScaledDecoding(int64_t least_side)
    : before_(std::exchange(least_side_of_jpeg, least_side)) {}

ScaledDecoding::~ScaledDecoding() {
  least_side_of_jpeg = before_;
}

bool has_image_extension(const std::filesystem::path& path) {
  const std::string extension = lower_case(path.extension().string());
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

Image with_channels(const Image& image, int64_t channels) {
  check(channels == 1 || channels == 3, "with_channels: expected 1 channel or 3, got ", channels);
  if (image.channels == channels) return image;
  Image result{image.width, image.height, channels, {}};
  const int64_t count = image.width * image.height;
  result.pixels.resize(size_t(count * channels));
  const uint8_t* from = image.pixels.data();
  uint8_t* to = result.pixels.data();
  if (channels == 3) {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t c = 0; c < 3; ++c) to[3 * i + c] = from[i];
    }
  } else {
    for (int64_t i = 0; i < count; ++i) {
      const uint8_t* p = from + 3 * i;
      to[i] = uint8_t((19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 32768u) >> 16);
    }
  }
  return result;
}

}  // namespace papilio::nn
