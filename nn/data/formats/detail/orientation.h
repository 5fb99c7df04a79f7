// Which way up a picture stands, as cameras and programs note it: a number from 1 (upright) to 8.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace papilio::nn::codec {

// Where a file notes it. JPEG: APP1 segments; PNG: eXIf and texts.
struct OrientationNotes {
  std::string exif;         // a TIFF header and its first directory, perhaps behind "Exif\0\0"
  std::string raw_profile;  // the text of PNG's "Raw profile type exif": hexadecimal
  std::string xmp;          // XML
};

// As Pillow's exif_transpose: EXIF first, of which the raw profile stands in for one that is not
// there; XMP if EXIF says nothing. 1 if nothing readable says something else: a faulty note
// costs no picture.
int orientation(const OrientationNotes& notes);

// The orientation in EXIF data, of any numeric type; 0 for one that is no number from 1 to 8,
// nothing if there is none.
std::optional<int> exif_orientation(std::string_view data);
// tiff:Orientation="6" or <tiff:Orientation>6.
std::optional<int> xmp_orientation(std::string_view text);
// The bytes that a raw profile holds: behind three lines, in hexadecimal.
std::string raw_profile_bytes(std::string_view text);

}  // namespace papilio::nn::codec
