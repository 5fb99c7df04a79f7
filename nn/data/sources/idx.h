// The IDX files of MNIST and of those that look like it (Fashion-MNIST, KMNIST, EMNIST):
// yann.lecun.com/exdb/mnist.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "nn/data/sources/image_dataset.h"

namespace papilio::nn {

struct IdxArray {
  std::vector<int64_t> shape;
  std::string_view data;  // bytes, inside the file's
};
// An array of unsigned bytes with that many dimensions: 0, 0, 8, dimensions, big-endian 32-bit
// sizes, data. Throws FileError, beginning with `name`, where magic, sizes and length disagree.
IdxArray read_idx(std::string_view bytes, int dimensions, const std::string& name);

// Images (N, H, W) with their labels (N), unpacked. Throws FileError.
ImageData idx_images(std::string_view images, const std::string& images_name,
                     std::string_view labels, const std::string& labels_name,
                     const std::vector<std::string>& class_names);

// Does the folder hold IDX files?
bool is_idx_folder(const std::filesystem::path& folder);
// train-images-idx3-ubyte, train-labels-idx1-ubyte and the same of t10k (or test), each also with
// .gz or with a '.' before "idx". Classes are called as classes.txt in the folder says, a line
// each; else as Fashion-MNIST's where the path says "fashion"; else 0 to 9. Throws FileError.
ImageSplits open_idx(const std::filesystem::path& folder, const HoldOut& shares);

}  // namespace papilio::nn
