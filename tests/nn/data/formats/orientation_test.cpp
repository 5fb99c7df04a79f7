// Orientation notes: which types, forms and places count, by what Pillow 13 makes of each.
#include "nn/data/formats/detail/orientation.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace papilio::test {

namespace {

using namespace std::string_literals;
using nn::codec::exif_orientation;
using nn::codec::orientation;
using nn::codec::xmp_orientation;

std::string number(uint64_t value, int bytes, bool little) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += char(value >> 8 * (little ? i : bytes - 1 - i));
  return text;
}

// One entry: the tag's type, count and the bytes of its values.
std::string tiff(int type, uint32_t count, const std::string& values, bool little = true) {
  const std::string head = (little ? "II*\0"s : "MM\0*"s) + number(8, 4, little) +
                           number(1, 2, little) + number(0x0112, 2, little) +
                           number(uint64_t(type), 2, little) + number(count, 4, little);
  if (values.size() > 4) return head + number(26, 4, little) + number(0, 4, little) + values;
  return head + values + std::string(8 - values.size(), '\0');
}

}  // namespace

TEST_CASE("EXIF orientation: every numeric type in both byte orders, texts never") {
  for (const bool little : {true, false}) {
    CAPTURE(little);
    const auto of = [&](int type, uint64_t bits, int bytes) {
      return exif_orientation(tiff(type, 1, number(bits, bytes, little), little)).value_or(-1);
    };
    CHECK(of(3, 6, 2) == 6);
    CHECK(of(4, 6, 4) == 6);
    CHECK(of(13, 6, 4) == 6);
    CHECK(of(16, 6, 8) == 6);
    CHECK(of(6, 6, 1) == 6);
    CHECK(of(8, 6, 2) == 6);
    CHECK(of(9, 6, 4) == 6);
    CHECK(of(11, 0x40c00000, 4) == 6);
    CHECK(of(12, 0x4018000000000000, 8) == 6);
    const std::string ratio = number(12, 4, little) + number(2, 4, little);
    CHECK(exif_orientation(tiff(5, 1, ratio, little)) == 6);
    CHECK(exif_orientation(tiff(10, 1, ratio, little)) == 6);
    // There, but no orientation: a byte string, numbers beyond 8, below 0 or not whole.
    CHECK(of(1, 6, 1) == 0);
    CHECK(of(7, 6, 1) == 0);
    CHECK(of(3, 9, 2) == 0);
    CHECK(of(4, 0x10006, 4) == 0);
    CHECK(of(8, 0xfffa, 2) == 0);
    CHECK(of(11, 0x40d00000, 4) == 0);  // 6.5
    CHECK(of(11, 0x7fc00000, 4) == 0);  // NaN
    CHECK(of(99, 6, 2) == -1);
  }
  CHECK(exif_orientation(tiff(3, 2, number(6, 2, true) + number(3, 2, true))) == 6);
  CHECK_FALSE(exif_orientation(tiff(3, 0, number(6, 2, true))).has_value());
}

TEST_CASE("EXIF orientation: prefixes, headers, what is cut off") {
  const std::string good = tiff(3, 1, number(6, 2, true));
  for (const std::string& prefix : {""s, "Exif\0\0"s, "Exif\0\0Exif\0\0"s})
    CHECK(exif_orientation(prefix + good) == 6);
  for (size_t length = 0; length < 22; ++length)
    CHECK_FALSE(exif_orientation(good.substr(0, length)).has_value());
  CHECK(exif_orientation("II\0*"s + good.substr(4)) == 6);
  CHECK_FALSE(exif_orientation("IIR\0"s + good.substr(4)).has_value());
  CHECK_FALSE(exif_orientation(tiff(12, 1, number(1000, 4, true))).has_value());  // points nowhere
  CHECK_FALSE(exif_orientation("II*\0\xff\xff\xff\xff"s).has_value());
}

TEST_CASE("orientation: EXIF before XMP, the raw profile if there is no EXIF") {
  const auto xmp = [](const std::string& digit) {
    return "<x tiff:Orientation=\"" + digit + "\"/>";
  };
  const std::string six = tiff(3, 1, number(6, 2, true)), other = tiff(99, 1, number(6, 2, true));
  CHECK(xmp_orientation(xmp("3")) == 3);
  CHECK(xmp_orientation("<tiff:Orientation>8</tiff:Orientation>") == 8);
  CHECK(xmp_orientation("tiff:Orientation='3' " + xmp("5")) == 5);
  CHECK_FALSE(xmp_orientation("<x tiff:Orientation='3'/>").has_value());
  CHECK_FALSE(xmp_orientation("tiff:Orientation=\"").has_value());
  std::string profile = "\nexif\n      26\n";
  for (const unsigned char c : six) {
    profile += "0123456789abcdef"[c / 16];
    profile += "0123456789abcdef"[c % 16];
    if (profile.size() % 30 == 0) profile += '\n';
  }
  CHECK(nn::codec::raw_profile_bytes(profile) == six);
  CHECK(nn::codec::raw_profile_bytes(profile + "0").empty());
  CHECK(nn::codec::raw_profile_bytes(profile + "xx").empty());
  CHECK(nn::codec::raw_profile_bytes("0123").empty());
  CHECK(orientation({}) == 1);
  CHECK(orientation({.exif = six, .raw_profile = "", .xmp = xmp("3")}) == 6);
  CHECK(orientation({.exif = other, .raw_profile = "", .xmp = xmp("3")}) == 3);
  CHECK(orientation({.exif = tiff(3, 1, number(0, 2, true)), .raw_profile = "", .xmp = xmp("3")}) ==
        1);
  CHECK(orientation({.exif = "", .raw_profile = profile, .xmp = xmp("3")}) == 6);
  CHECK(orientation({.exif = other, .raw_profile = profile, .xmp = ""}) == 1);
  CHECK(orientation({.exif = "", .raw_profile = "", .xmp = xmp("9")}) == 1);
}

}  // namespace papilio::test
