// The IDX files of MNIST and of those that look like it (Fashion-MNIST, KMNIST, EMNIST, QMNIST):
// yann.lecun.com/exdb/mnist.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "nn/data/sources/image_dataset.h"
#include "nn/data/splits.h"

namespace papilio::nn {

// An array inside a file.
struct IdxArray {
  std::vector<int64_t> shape;
  std::string_view data;  // big-endian elements, inside the file's
  int64_t element_bytes;  // 1, unsigned; 4, signed
};
// An array with that many dimensions: 0, 0, the type (8: unsigned bytes, 12: int32), dimensions,
// big-endian 32-bit sizes, data. Throws FileError, beginning with `name`, if magic, sizes and
// length disagree.
IdxArray read_idx(std::string_view bytes, int dimensions, const std::string& name);

// Images (N, H, W) of bytes with their labels, unpacked: (N), or QMNIST's (N, 8), of which the
// first column is the class. `first_label` is class 0. The names are the files' paths, if they are
// any. Throws FileError.
ImageData idx_images(std::string_view images, const std::string& images_name,
                     std::string_view labels, const std::string& labels_name,
                     const std::vector<std::string>& class_names, int64_t first_label = 0);

// Whether the folder holds train images under one of the names below.
bool is_idx_folder(const std::filesystem::path& folder);
// Whether the path is such a file of train images.
bool is_idx_file(const std::filesystem::path& file);
// train-images-idx3-ubyte, train-labels-idx1-ubyte and the same of t10k (or test), each also with
// .gz or with a '.' before "idx"; emnist-letters-train-images-idx3-ubyte and so on; of QMNIST
// qmnist-train-labels-idx2-int. A folder that holds several sets is refused: there the path of the
// wanted train images says which. Classes are called as classes.txt in the folder says, a line
// each; else as the set's name or the folder's (its own, or that above "raw") has them: those of
// Fashion-MNIST, KMNIST, EMNIST; else 0 to 9. Throws FileError.
ImageSplits open_idx(const std::filesystem::path& path, const HoldOut& shares);

}  // namespace papilio::nn
