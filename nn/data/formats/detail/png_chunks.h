// A PNG file's chunks: those that pixels come from, and what others say about the orientation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nn/data/formats/detail/orientation.h"

namespace papilio::nn::codec {

struct PngChunks {
  // One after another a whole PNG file of IHDR, PLTE (of palette images only), the IDATs and IEND.
  std::vector<std::string_view> pieces;
  OrientationNotes notes;  // the last one of each kind counts
};

// `bytes` begin with PNG's signature. As Pillow has it, a file may end behind its last IDAT, and
// other chunks may say what they like: tRNS beside alpha, a palette where none belongs. Throws
// FileError, beginning with `name`, for a wrong checksum, a tRNS that is too short, and a file that
// ends before or in its IDATs.
PngChunks png_chunks(std::string_view bytes, const std::string& name);

}  // namespace papilio::nn::codec
