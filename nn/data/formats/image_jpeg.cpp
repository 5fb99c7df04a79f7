#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

// jpeglib.h wants <cstdio> before it.
#include <jpeglib.h>
// ... and this wants both.
#include <jerror.h>

#include "nn/data/formats/detail/image_codec.h"
#include "nn/data/formats/detail/orientation.h"
#include "nn/data/formats/image.h"
#include "tensor/error.h"

namespace papilio::nn::codec {

namespace {

// libjpeg reports errors by a call that must not return: it jumps back, over frames of C and of
// functions here whose locals need no destructor.
struct Jpeg {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back{};
  char message[JMSG_LENGTH_MAX] = "";
  int64_t max_scans = 0;

  Jpeg() = default;
  ~Jpeg() { jpeg_destroy_decompress(&info); }
  Jpeg(const Jpeg&) = delete;
  Jpeg& operator=(const Jpeg&) = delete;
};

[[noreturn]] void fail(j_common_ptr info) {
  Jpeg& jpeg = *static_cast<Jpeg*>(info->client_data);
  info->err->format_message(info, jpeg.message);
  std::longjmp(jpeg.back, 1);
}

// Warnings say that the data is corrupt, but for some that change no pixel.
void on_message(j_common_ptr info, int level) {
  switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:  // bytes between markers
    case JWRN_JFIF_MAJOR:       // a newer JFIF
    case JWRN_ADOBE_XFORM:      // Adobe's transform has an unknown number
      return;
    default:
      if (level < 0) fail(info);
  }
}

void on_progress(j_common_ptr info) {
  Jpeg& jpeg = *static_cast<Jpeg*>(info->client_data);
  if (jpeg.info.input_scan_number <= jpeg.max_scans) return;
  std::snprintf(jpeg.message, sizeof jpeg.message, "more than %lld scans",
                static_cast<long long>(jpeg.max_scans));
  std::longjmp(jpeg.back, 1);
}

// f() with libjpeg's errors as FileError. f's locals need no destructor.
template <class F>
void run(Jpeg& jpeg, const std::string& name, F&& f) {
  if (setjmp(jpeg.back) != 0)
    throw FileError(str(name, ": the JPEG data is corrupt or not supported (", jpeg.message, ")"));
  f();
}

void start(Jpeg& jpeg, std::string_view bytes) {
  jpeg.info.err = jpeg_std_error(&jpeg.errors);
  jpeg.errors.error_exit = fail;
  jpeg.errors.emit_message = on_message;
  jpeg.info.client_data = &jpeg;
  jpeg_create_decompress(&jpeg.info);
  jpeg.progress.progress_monitor = on_progress;
  jpeg.info.progress = &jpeg.progress;
  jpeg_mem_src(&jpeg.info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_save_markers(&jpeg.info, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&jpeg.info, TRUE);
  const bool cmyk =
      jpeg.info.jpeg_color_space == JCS_CMYK || jpeg.info.jpeg_color_space == JCS_YCCK;
  const bool grey = jpeg.info.jpeg_color_space == JCS_GRAYSCALE;
  jpeg.info.out_color_space = cmyk ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
}

// Several EXIF segments are one; of XMP's the last one counts.
OrientationNotes notes_of(const Jpeg& jpeg) {
  constexpr std::string_view kExif("Exif\0\0", 6), kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
  OrientationNotes notes;
  for (auto* m = jpeg.info.marker_list; m != nullptr; m = m->next) {
    const std::string_view text(reinterpret_cast<const char*>(m->data), m->data_length);
    if (text.starts_with(kExif)) notes.exif += text.substr(kExif.size());
    if (text.starts_with(kXmp)) notes.xmp = text.substr(kXmp.size());
  }
  return notes;
}

// The greatest of 8, 4, 2 and 1 by which the side may be divided.
unsigned shrink(int64_t side, int64_t least_side) {
  unsigned denominator = least_side > 0 ? 8 : 1;
  while (denominator > 1 && (side + denominator - 1) / denominator < least_side) denominator /= 2;
  return denominator;
}

// k - c k / 255 of each pixel's C, M, Y, rounded as Pillow does. Files hold all four inverted, with
// or without Adobe's marker.
Image rgb_of_cmyk(const Image& image) {
  Image rgb{image.width, image.height, 3, {}};
  rgb.pixels.reserve(image.pixels.size() / 4 * 3);
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    const unsigned k = image.pixels[i + 3];
    for (size_t c = 0; c < 3; ++c) {
      const unsigned product = (255u - image.pixels[i + c]) * k + 128;
      rgb.pixels.push_back(uint8_t(k - ((product >> 8) + product) / 256));
    }
  }
  return rgb;
}

}  // namespace

Decoded decode_jpeg(std::string_view bytes, const std::string& name, const ImageLimits& limits,
                    int64_t least_side) {
  Jpeg jpeg;
  jpeg.max_scans = limits.max_scans;
  run(jpeg, name, [&] { start(jpeg, bytes); });
  check_size(name, jpeg.info.image_width, jpeg.info.image_height, limits);
  jpeg.info.scale_num = 1;
  jpeg.info.scale_denom =
      shrink(std::min(jpeg.info.image_width, jpeg.info.image_height), least_side);
  const int turn = orientation(notes_of(jpeg));  // finishing forgets the markers
  run(jpeg, name, [&] { jpeg_start_decompress(&jpeg.info); });
  Image image{jpeg.info.output_width, jpeg.info.output_height, jpeg.info.output_components, {}};
  const size_t row_bytes = size_t(image.width * image.channels);
  image.pixels.resize(size_t(image.height) * row_bytes);
  run(jpeg, name, [&] {
    while (jpeg.info.output_scanline < jpeg.info.output_height) {
      JSAMPROW row = image.pixels.data() + jpeg.info.output_scanline * row_bytes;
      jpeg_read_scanlines(&jpeg.info, &row, 1);
    }
    jpeg_finish_decompress(&jpeg.info);
  });
  if (image.channels == 4) image = rgb_of_cmyk(image);
  return {std::move(image), turn};
}

}  // namespace papilio::nn::codec
