// Pictures that a list names, with the names or numbers of their classes.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/splits.h"

namespace papilio::nn {

// One picture, which is read when it is asked for.
struct LabelledImage {
  std::string name;            // for people, as an error begins
  std::filesystem::path file;  // that it is read from, or the archive
  std::string label;           // of the class
  std::function<Image()> read;
};

// The classes of some pictures: labels that are all whole numbers in their order, others by their
// bytes.
std::vector<std::string> classes_of(const std::vector<LabelledImage>& images);

// Pictures of these classes. Throws FileError, beginning with `where`, for a label that is none of
// them and if there is no picture.
ImageData labelled_images(std::vector<LabelledImage> images,
                          const std::vector<std::string>& class_names, const std::string& where);

// One list for each part, of which `train` gives the classes; what is not there is held out of it.
// Throws FileError.
struct LabelledParts {
  std::vector<LabelledImage> train, validation, test;
};
ImageSplits labelled_splits(LabelledParts parts, const HoldOut& shares, const std::string& where,
                            std::vector<std::string> class_names = {});

}  // namespace papilio::nn
