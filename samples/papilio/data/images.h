// Images in files.
#pragma once

#include <string>
#include <vector>

#include "nn/data/transforms/image_processor.h"
#include "tensor/tensor.h"

namespace papilio::cli {

struct NamedImage {
  std::string name;   // "mine.csv, line 3"
  Tensor pixels;      // (1, C, H, W), as the model takes it
  std::string label;  // empty without
};
// What the file is by its first bytes (format_of); empty for one that does not say. Throws
// FileError.
std::string file_format(const std::string& path);
// Whether the file's name or its first bytes say that it is a JPEG, PNG or other picture.
bool is_picture(const std::string& path);
// A JPEG or PNG file. Throws FileError.
NamedImage read_picture(const std::string& path, const nn::ImageProcessor& processor);
// A CSV file, an 8x8 image a line, in [-1, 1]; a first line of names says which column is a label,
// pandas' numbers of rows are passed over. Throws FileError with the line.
std::vector<NamedImage> read_image_file(const std::string& path);

}  // namespace papilio::cli
