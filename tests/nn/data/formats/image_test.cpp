#include "nn/data/formats/image.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "tensor/error.h"
#include "tensor/files/safetensors.h"
#include "tests/capture_bound.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(source_root) / "tests/golden/images";

std::string bytes_of(const std::string& name) {
  return read_bytes(kFolder / name);
}

// What decode_image says of these bytes, or nothing.
std::string complaint(const std::string& bytes, const nn::ImageLimits& limits = {}) {
  try {
    nn::decode_image(bytes, "x", limits);
  } catch (const FileError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("images: every kind of JPEG and PNG gives Pillow's pixels") {
  const SafetensorsReader expected(kFolder / "expected.safetensors");
  CHECK(expected.entries().size() == 59);
  for (const auto& [name, entry] : expected.entries()) {
    CAPTURE_BOUND(name);
    const nn::Image image = nn::read_image(kFolder / name);
    REQUIRE(Dims{image.height, image.width, image.channels} == entry.shape);
    CHECK(std::ranges::equal(image.pixels, expected.tensor(name).to_vector<uint8_t>()));
  }
}

TEST_CASE("images: scaled decoding gives the pixels of Pillow's draft") {
  const SafetensorsReader expected(kFolder / "draft.safetensors");
  CHECK(expected.entries().size() == 18);
  for (const auto& [name, entry] : expected.entries()) {
    CAPTURE_BOUND(name);
    const nn::ScaledDecoding scaled(std::min(entry.shape[0], entry.shape[1]));
    const nn::Image image = nn::read_image(kFolder / fs::path(name).parent_path());
    REQUIRE(Dims{image.height, image.width, image.channels} == entry.shape);
    CHECK(std::ranges::equal(image.pixels, expected.tensor(name).to_vector<uint8_t>()));
  }
}

TEST_CASE("images: scaled decoding keeps the side that it was asked to keep, within its scope") {
  const auto size_of = [](const char* name) {
    const nn::Image image = nn::read_image(kFolder / name);
    return Dims{image.height, image.width};
  };
  for (const auto& [least, size] : {std::pair{1, Dims{2, 2}},
                                    {2, Dims{2, 2}},
                                    {3, Dims{3, 4}},
                                    {4, Dims{5, 7}},
                                    {5, Dims{5, 7}},
                                    {6, Dims{9, 13}},
                                    {1000, Dims{9, 13}},
                                    {0, Dims{9, 13}}}) {
    CAPTURE_BOUND(least);
    const nn::ScaledDecoding scaled(least);
    CHECK(size_of("rgb.jpg") == size);
    CHECK(size_of("rgb.png") == Dims{9, 13});
    {
      const nn::ScaledDecoding whole(0);
      CHECK(size_of("rgb.jpg") == Dims{9, 13});
    }
    CHECK(size_of("rgb.jpg") == size);
  }
  CHECK(size_of("rgb.jpg") == Dims{9, 13});
  // A claim is not made smaller by it.
  const nn::ScaledDecoding scaled(1);
  CHECK(complaint(bytes_of("huge.jpg")).find("65500x65500 pixels; at most") != std::string::npos);
}

TEST_CASE("images: a PNG written is the PNG read") {
  for (int64_t channels : {1, 3}) {
    nn::Image image{7, 5, channels, {}};
    for (int64_t i = 0; i < 35 * channels; ++i) image.pixels.push_back(uint8_t(i * 37));
    CHECK(nn::decode_image(nn::encode_png(image), "x") == image);
  }
  CHECK_THROWS_WITH_AS(nn::encode_png({2, 2, 2, nn::Pixels(8)}),
                       "encode_png: expected an image of 1 channel or 3, got 2x2 pixels with 2 "
                       "channels in 8 bytes",
                       ArgumentError);
  CHECK_THROWS_AS(nn::encode_png({2, 2, 3, nn::Pixels(11)}), ArgumentError);
}

TEST_CASE("images: grey and RGB become each other") {
  const nn::Image rgb{2, 1, 3, {255, 0, 0, 10, 200, 30}};
  const nn::Image grey = nn::with_channels(rgb, 1);
  CHECK(grey == nn::Image{2, 1, 1, {76, 124}});  // 76.2, 123.8
  CHECK(nn::with_channels(grey, 3) == nn::Image{2, 1, 3, {76, 76, 76, 124, 124, 124}});
  CHECK(nn::with_channels(rgb, 3) == rgb);
  CHECK_THROWS_WITH_AS(nn::with_channels(rgb, 4), "with_channels: expected 1 channel or 3, got 4",
                       ArgumentError);
}

TEST_CASE("images that lie: one line that names the file") {
  CHECK(complaint("") == "x: is empty");
  CHECK(complaint("hello") == "x: expected a JPEG or PNG picture, got no picture");
  CHECK(complaint(bytes_of("gif.png")) == "x: expected a JPEG or PNG picture, got a GIF picture");
  const auto other = [](std::string_view start) {
    const std::string what = complaint(std::string(start) + std::string(24, 'x')),
                      begin = "x: expected a JPEG or PNG picture, got ";
    CHECK(what.starts_with(begin));
    return what.substr(std::min(begin.size(), what.size()));
  };
  const auto media = [&](const std::string& brands) { return other("\1\1\1\1ftyp" + brands); };
  CHECK(other({"MM\0*", 4}) == "a TIFF picture");
  CHECK(other({"II*\0", 4}) == "a TIFF picture");
  CHECK(other("MMXXVI, a diary") == "no picture");
  CHECK(other("RIFF1234WEBPVP8 ") == "a WebP picture");
  CHECK(media("heic") == "a HEIC picture");
  CHECK(media("mif1\1\1\1\1mif1heic") == "a HEIC picture");
  CHECK(media("avif") == "an AVIF picture");
  CHECK(media("mif1\1\1\1\1mif1avif") == "an AVIF picture");
  CHECK(media("crx ") == "a Canon raw picture");
  CHECK(media("isom") == "a video");
  CHECK(other({"BM\1\1\1\1\0\0\0\0", 10}) == "a BMP picture");
  CHECK(other("BMW and others") == "no picture");
  CHECK(other("P6 3 3 255 ") == "a PNM picture");
  CHECK(other({"\0\0\0\x0cJXL \r\n\x87\n", 12}) == "a JPEG XL picture");
  CHECK(other("\n<!DOCTYPE html>") == "an HTML page");
  CHECK(other("version https://git-lfs.github.com/spec/v1") ==
        "a Git LFS pointer instead of the file");
  CHECK(complaint("\xff\xd8\xff").starts_with("x: the JPEG data is corrupt or not supported ("));
  CHECK(complaint("\x89PNG\r\n\x1a\n") == "x: the PNG data is corrupt (it ends too early)");
  CHECK(complaint(bytes_of("short_trns.png")) == "x: the PNG data is corrupt (tRNS: too short)");
  CHECK(complaint(bytes_of("text_crc.png")) == "x: the PNG data is corrupt (tEXt: CRC error)");
  CHECK(complaint(bytes_of("cut_in_data.png")) ==
        "x: the PNG data is corrupt (Not enough image data)");
  CHECK(complaint(bytes_of("bad_adler.png")) ==
        "x: the PNG data is corrupt (IDAT: incorrect data check)");
  CHECK(complaint(bytes_of("huge.jpg")) ==
        "x: the picture is 65500x65500 pixels; at most 16384x16384 and 89478485 in all are read");
  CHECK(complaint(bytes_of("huge.png")).starts_with("x: the picture is 60000x60000 pixels"));
  // A crowd of scans over a large picture keeps a decoder busy for hours.
  CHECK(complaint(bytes_of("progressive.jpg"), {.max_scans = 3}) ==
        "x: the JPEG data is corrupt or not supported (more than 3 scans)");
  CHECK(complaint(bytes_of("rgb.png"), {.max_width = 12}).find("13x9") != std::string::npos);
  CHECK(complaint(bytes_of("rgb.png"), {.max_pixels = 13 * 9 - 1}).find("116 in all") !=
        std::string::npos);
  CHECK(complaint(bytes_of("rgb.png"), {.max_width = 13, .max_height = 9, .max_pixels = 117})
            .empty());

  TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(nn::read_image(folder / "none.png"),
                       ((folder / "none.png").string() + ": there is no such file").c_str(),
                       FileError);
  CHECK_THROWS_AS(nn::read_image(folder.path()), FileError);
}

TEST_CASE("images cut short anywhere are refused, but for what follows PNG's pixels") {
  for (const char* name : {"rgb.jpg", "grey.jpg", "progressive.jpg", "cmyk.jpg", "rgb.png",
                           "palette.png", "interlaced.png", "grey16.png"}) {
    CAPTURE(name);
    const std::string good = bytes_of(name);
    const nn::Image image = nn::decode_image(good, name);
    constexpr size_t kBehind = 12 + 4 + 4;  // IEND, the CRC of IDAT, Adler-32
    const size_t pixels = good.starts_with("\x89PNG") ? good.size() - kBehind : good.size();
    for (size_t length = 0; length < pixels; ++length) {
      CAPTURE(length);
      CHECK(complaint(good.substr(0, length)).starts_with("x: "));
    }
    for (size_t length = pixels; length <= good.size(); ++length)
      CHECK(nn::decode_image(good.substr(0, length), "x") == image);
  }
}

TEST_CASE("images with any bit flipped give an image or a FileError, a PNG no other pixels") {
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".safetensors")) continue;
    // Without a checksum, or with one that a bit makes right.
    if (name == "no_adler.png" || name == "bad_adler.png") continue;
    CAPTURE(name);
    const std::string good = bytes_of(name);
    const bool png = good.starts_with("\x89PNG");
    const nn::ImageLimits limits{.max_width = 512, .max_height = 512};
    const nn::Image image =
        complaint(good, limits).empty() ? nn::decode_image(good, name, limits) : nn::Image{};
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string bad = good;
      bad[bit / 8] = char(bad[bit / 8] ^ (1 << bit % 8));
      if (complaint(bad, limits).empty() && png)
        CHECK_MESSAGE(nn::decode_image(bad, name, limits) == image, bit);
    }
  }
}

TEST_CASE("images: a note about the orientation that is faulty costs no picture") {
  const std::string good = bytes_of("orientation6.jpg"), exif("Exif\0\0", 6);
  const size_t at = good.find(exif) + exif.size(), end = at + 26;
  const nn::Image turned = nn::decode_image(good, "x"), plain = nn::read_image(kFolder / "rgb.jpg");
  CHECK(turned.height == plain.width);
  for (size_t bit = 8 * at; bit < 8 * end && bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = char(bad[bit / 8] ^ (1 << bit % 8));
    CHECK_MESSAGE(complaint(bad).empty(), bit);
  }
}

TEST_CASE("images: names that say so") {
  for (const char* name : {"a.jpg", "b/a.JPEG", "a.b.Png"}) CHECK(nn::has_image_extension(name));
  for (const char* name : {"jpg", "a.jpg.txt", ".png", "a.gif"})
    CHECK_FALSE(nn::has_image_extension(name));
}

}  // namespace papilio::test
