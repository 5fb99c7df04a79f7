// Labelled pictures that come when asked for, and those in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/splits.h"

namespace papilio::nn {

// Pictures as a data set, and its parts.
using ImageDataset = Dataset<Image>;
using ImageData = SharedDataset<Image>;
using ImageSplits = Splits<Image>;

// Pictures of one size, one after another in memory: pixels holds labels.size() times
// (height, width, channels). `name` is that of the file they come from, or empty:
// they have none. Throws FileError if the pixels' number is not the labels' or a label is no class.
ImageData images_in_memory(int64_t height, int64_t width, int64_t channels,
                           std::vector<uint8_t> pixels, std::vector<int64_t> labels,
                           std::vector<std::string> class_names, const std::string& name);

}  // namespace papilio::nn
