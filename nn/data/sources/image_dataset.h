// Labelled pictures that come when asked for, and those in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/dataset.h"
#include "nn/data/formats/image.h"
#include "nn/data/splits.h"

namespace papilio::nn {

// Pictures as a data set, and its parts.
using ImageDataset = Dataset<Image>;
using ImageData = SharedDataset<Image>;
using ImageSplits = Splits<Image>;

// Pictures of one size, one after another.
struct PixelArrays {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels = {};  // labels.size() times (height, width, channels)
  std::vector<int64_t> labels = {};
  std::vector<std::string> class_names = {};
  std::string name = {};  // of the file they come from, or empty: they have none
  std::vector<std::filesystem::path> files = {};  // that they are read from
};

// A data set of them. Throws FileError if the pixels' number is not the labels' or a label is no
// class.
ImageData images_in_memory(PixelArrays&& arrays);

}  // namespace papilio::nn
