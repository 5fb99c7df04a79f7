// Images in files.
#pragma once

#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace papilio::cli {

struct NamedImage {
  std::string name;   // "mine.csv, line 3"
  Tensor pixels;      // (1, 1, 8, 8) in [-1, 1]
  std::string label;  // empty without
};
// A CSV file, an image a line. Throws FileError with the line, and for files that are pictures.
std::vector<NamedImage> read_image_file(const std::string& path);

}  // namespace papilio::cli
