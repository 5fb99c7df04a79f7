#include "tensor/files/detail/file_format.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "tensor/detail/lower_case.h"

namespace papilio {

using namespace std::string_view_literals;

namespace {

struct Format {
  size_t at;  // where the magic bytes stand
  std::string_view magic;
  const char* name;
};
constexpr Format kFormats[] = {
    {0, "\xff\xd8\xff"sv, "a JPEG picture"},
    {0, "\x89PNG\r\n\x1a\n"sv, "a PNG picture"},
    {0, "GIF8"sv, "a GIF picture"},
    {8, "WEBP"sv, "a WebP picture"},
    {0, "II*\0"sv, "a TIFF picture"},
    {0, "MM\0*"sv, "a TIFF picture"},
    {0, "II+\0"sv, "a TIFF picture"},
    {0, "MM\0+"sv, "a TIFF picture"},
    {0, "\xff\x0a"sv, "a JPEG XL picture"},
    {4, "JXL \r\n\x87\n"sv, "a JPEG XL picture"},
    {4, "jP  \r\n\x87\n"sv, "a JPEG 2000 picture"},
    {0, "\xff\x4f\xff\x51"sv, "a JPEG 2000 picture"},
    {0, "8BPS"sv, "a Photoshop picture"},
    {0, "qoif"sv, "a QOI picture"},
    {0, "\x76\x2f\x31\x01"sv, "an OpenEXR picture"},
    {0, "\0\0\1\0"sv, "an icon"},
    {0, "\x93NUMPY"sv, "a NumPy array"},
    {0, "%PDF-"sv, "a PDF document"},
    {0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file"},
    {0, "PAR1"sv, "a Parquet file"},
    {0, "ARROW1"sv, "an Arrow file"},
    {0, "SQLite format 3\0"sv, "an SQLite database"},
    {0, "PK\x03\x04"sv, "a zip archive"},
    {0, "Rar!"sv, "a RAR archive"},
    {0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive"},
    {0, "\x1f\x8b"sv, "gzip data"},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     "xz data"},
    {0, "BZh"sv, "bzip2 data"},
    {0, "\x28\xb5\x2f\xfd"sv, "zstd data"},
    {0, "version https://git-lfs"sv, "a Git LFS pointer instead of the file"},
};

// ISO base media files name their kind, and those that they may pass for.
std::string media_format(std::string_view bytes) {
  const std::string_view major = bytes.substr(8, 4);
  const bool avif = bytes.substr(8, 56).find("avif") != bytes.npos || major == "avis";
  if (avif) return "an AVIF picture";
  for (const char* brand : {"hei", "hev", "mif", "msf"}) {
    if (major.starts_with(brand)) return "a HEIC picture";
  }
  if (major == "crx ") return "a Canon raw picture";
  return "a video";
}

}  // namespace

std::string format_of(std::string_view bytes) {
  for (const Format& f : kFormats) {
    if (bytes.size() >= f.at && bytes.substr(f.at).starts_with(f.magic)) return f.name;
  }
  if (bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp") return media_format(bytes);
  // A bitmap's reserved fields are 0.
  if (bytes.size() >= 14 && bytes.starts_with("BM") && bytes.substr(6, 4) == "\0\0\0\0"sv)
    return "a BMP picture";
  if (bytes.size() >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' &&
      std::isspace(static_cast<unsigned char>(bytes[2])) != 0) {
    return "a PNM picture";
  }
  std::string_view text = bytes.substr(0, 64);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  const std::string start = lower_case(text);
  if (start.starts_with("<!doctype html") || start.starts_with("<html")) return "an HTML page";
  if (start.starts_with("<svg")) return "an SVG drawing";
  if (start.starts_with("<?xml")) return "an XML document";
  return "";
}

}  // namespace papilio
