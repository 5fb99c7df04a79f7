// A PNG file's chunks: those that pixels come from, and what others say about the orientation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nn/data/formats/detail/orientation.h"

namespace papilio::nn::codec {

struct PngChunks {
  // One after another a whole PNG file of IHDR, PLTE (of palette images only) and the IDATs,
  // without IEND.
  std::vector<std::string_view> pieces;
  OrientationNotes notes;  // the last one of each kind counts

  // A further IDAT. `data` stay where they are.
  void add_data(std::string_view data);

  std::vector<std::vector<char>> headers;  // of those
};

// `bytes` begin with PNG's signature. As Pillow has it, a file may end in or behind its last IDAT,
// checksums count before the first one only, and other chunks may say what they like: tRNS beside
// alpha, a palette where none belongs. Throws FileError, beginning with `name`, for a wrong
// checksum, a tRNS that is too short, and a file that ends before its IDATs.
PngChunks png_chunks(std::string_view bytes, const std::string& name);

// What the IDATs' zlib stream lacks if that is nothing but the end of its own checksum (Adler-32):
// up to four bytes. Empty for streams that are complete, corrupt or lack more.
std::string missing_adler(const PngChunks& chunks);

}  // namespace papilio::nn::codec
