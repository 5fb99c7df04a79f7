#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/data/formats/detail/image_codec.h"
#include "nn/data/formats/detail/png_chunks.h"
#include "nn/data/formats/image.h"
#include "tensor/error.h"

namespace papilio::nn {

using namespace std::string_view_literals;

namespace codec {

namespace {

// libpng reports errors by a call that must not return: it jumps back, over frames of C and of
// functions here whose locals need no destructor.
struct Png {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf back{};
  char message[200] = "";
  std::vector<std::string_view> pieces;  // of the file
  size_t piece = 0, begin = 0;           // not yet read

  Png() = default;
  ~Png() { png_destroy_read_struct(&png, &info, nullptr); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
};

[[noreturn]] void fail(png_structp png, png_const_charp message) {
  Png& state = *static_cast<Png*>(png_get_error_ptr(png));
  std::snprintf(state.message, sizeof state.message, "%s", message);
  std::longjmp(state.back, 1);
}

// Errors all of them, but for rows and bytes behind the last row, which change no pixel.
void warn(png_structp png, png_const_charp message) {
  for (const char* harmless : {"Too much image data", "Extra compressed data"}) {
    if (std::strstr(message, harmless) != nullptr) return;
  }
  fail(png, message);
}

void read_bytes(png_structp png, png_bytep to, size_t count) {
  Png& state = *static_cast<Png*>(png_get_io_ptr(png));
  while (count > 0) {
    if (state.piece == state.pieces.size()) png_error(png, "it ends too early");
    const std::string_view& piece = state.pieces[state.piece];
    const size_t n = std::min(count, piece.size() - state.begin);
    std::memcpy(to, piece.data() + state.begin, n);
    to += n;
    count -= n;
    state.begin += n;
    if (state.begin < piece.size()) continue;
    ++state.piece;
    state.begin = 0;
  }
}

// f() with libpng's errors as FileError. f's locals need no destructor.
template <class F>
void run(Png& state, const std::string& name, F&& f) {
  if (setjmp(state.back) != 0)
    throw FileError(str(name, ": the PNG data is corrupt (", state.message, ")"));
  f();
}

void start(Png& state) {
  state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, fail, warn);
  if (state.png == nullptr) return;
  state.info = png_create_info_struct(state.png);
  png_set_read_fn(state.png, &state, read_bytes);
  png_set_crc_action(state.png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // png_chunks has checked
  png_set_user_limits(state.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);     // check_size has its own
  png_set_check_for_invalid_index(state.png, -1);  // a colour beyond the palette is black
  png_read_info(state.png, state.info);
}

void to_eight_bits(Png& state) {
  png_set_strip_16(state.png);
  png_set_palette_to_rgb(state.png);
  png_set_expand_gray_1_2_4_to_8(state.png);
  png_set_strip_alpha(state.png);
  png_set_interlace_handling(state.png);
  png_read_update_info(state.png, state.info);
}

Image decoded(const PngChunks& chunks, const std::string& name, const ImageLimits& limits) {
  constexpr std::string_view kEnd = "\0\0\0\0IEND\xae\x42\x60\x82"sv;
  Png state;
  state.pieces = chunks.pieces;
  state.pieces.push_back(kEnd);
  run(state, name, [&] { start(state); });
  check<OutOfMemoryError>(state.png != nullptr && state.info != nullptr, name,
                          ": no memory to read it");
  check_size(name, png_get_image_width(state.png, state.info),
             png_get_image_height(state.png, state.info), limits);
  run(state, name, [&] { to_eight_bits(state); });
  Image image{png_get_image_width(state.png, state.info),
              png_get_image_height(state.png, state.info),
              png_get_channels(state.png, state.info),
              {}};
  const size_t row_bytes = png_get_rowbytes(state.png, state.info);
  check<FileError>(row_bytes == size_t(image.width * image.channels), name,
                   ": the PNG data is not supported");
  image.pixels.resize(size_t(image.height) * row_bytes);
  std::vector<png_bytep> rows;
  for (int64_t y = 0; y < image.height; ++y)
    rows.push_back(image.pixels.data() + size_t(y) * row_bytes);
  run(state, name, [&] {
    png_read_image(state.png, rows.data());
    png_read_end(state.png, state.info);
  });
  return image;
}

}  // namespace

Decoded decode_png(std::string_view bytes, const std::string& name, const ImageLimits& limits) {
  PngChunks chunks = png_chunks(bytes, name);
  Image image;
  try {
    image = decoded(chunks, name, limits);
  } catch (const FileError&) {
    // All pixels may be there, and libpng waits for the checksum behind them.
    const std::string adler = missing_adler(chunks);
    if (adler.empty()) throw;
    chunks.add_data(adler);
    image = decoded(chunks, name, limits);
  }
  return {std::move(image), orientation(chunks.notes)};
}

}  // namespace codec

std::string encode_png(const Image& image) {
  check(image.width >= 1 && image.height >= 1 && (image.channels == 1 || image.channels == 3) &&
            image.pixels.size() == size_t(image.width * image.height * image.channels),
        "encode_png: expected an image of 1 channel or 3, got ", image.width, 'x', image.height,
        " pixels with ", image.channels, " channels in ", image.pixels.size(), " bytes");
  png_image out{};
  out.version = PNG_IMAGE_VERSION;
  out.width = png_uint_32(image.width);
  out.height = png_uint_32(image.height);
  out.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(out), '\0');
  size_t size = bytes.size();
  const int done =
      png_image_write_to_memory(&out, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr);
  check<Error>(done != 0, "encode_png: ", out.message);
  bytes.resize(size);
  return bytes;
}

}  // namespace papilio::nn
