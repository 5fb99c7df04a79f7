// CIFAR-10 and CIFAR-100 in their binary and their Python version: cs.toronto.edu/~kriz/cifar.html.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "nn/data/sources/image_dataset.h"
#include "nn/data/splits.h"

namespace papilio::nn {

enum class Cifar { ten, hundred };

// One file of records: the label (CIFAR-100: the coarse one, then the fine one, which counts) and
// 32 x 32 pixels, all red ones, then green, then blue. Throws FileError, beginning with `name`, for
// a length that is no multiple of a record's and for labels out of range. `files` are those that
// the bytes come from.
ImageData read_cifar(std::string_view bytes, Cifar kind,
                     const std::vector<std::string>& class_names, const std::string& name,
                     const std::vector<std::filesystem::path>& files = {});

// One file of the Python version: a pickle (formats/pickle.h) of a dictionary with "data", an array
// (N, 3072) of bytes, and "labels" or "fine_labels". Throws FileError, beginning with `name`.
ImageData read_cifar_pickle(std::string_view bytes, const std::vector<std::string>& class_names,
                            const std::string& name,
                            const std::vector<std::filesystem::path>& files = {});

// Does the folder hold CIFAR-10's or CIFAR-100's binary or Python files?
bool is_cifar_folder(const std::filesystem::path& folder);
// A folder of the unpacked files (data_batch_1.bin to 5 and test_batch.bin, or train.bin and
// test.bin, with the names in batches.meta.txt or fine_label_names.txt; of the Python version
// without .bin, with the names in batches.meta or meta), or the .tar.gz or .tar of one. Validation
// is held out of the training images. Throws FileError.
ImageSplits open_cifar(const std::filesystem::path& path, const HoldOut& shares);

}  // namespace papilio::nn
