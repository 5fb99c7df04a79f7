// The list of everything that pictures with classes can come from.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nn/data/sources/image_dataset.h"
#include "nn/data/splits.h"
#include "nn/data/transforms/image_processor.h"

namespace papilio::nn {

struct ImageSource {
  std::string description;  // of what a path may be: "a folder of IDX files (MNIST)"
  std::function<bool(const std::filesystem::path&)> recognises;
  std::function<ImageSplits(const std::filesystem::path&, const HoldOut&)> open;

  bool drawings = false;  // grey signs (digits, letters): not mirrored unless asked
  // Set for data that come divided, and made for one model's input: nothing is held out and no
  // other processor is meant for them.
  std::optional<ImageProcessor> processor = {};
  std::string title = {}, credits = {};  // for people, if the path does not say them
};

// All sources in the order in which they are asked: the first that recognises a path opens it.
const std::vector<ImageSource>& image_sources();

// The one of these sources that opens the path. Throws FileError if there is no such file or
// folder.
const ImageSource& source_of(const std::filesystem::path& path,
                             const std::vector<ImageSource>& sources = image_sources());

// What source_of opens. Throws FileError.
ImageSplits open_images(const std::filesystem::path& path, const HoldOut& shares = {},
                        const std::vector<ImageSource>& sources = image_sources());

}  // namespace papilio::nn
