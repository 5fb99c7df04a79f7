// Labelled pictures that come when asked for: out of a folder's files, or out of memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/formats/image.h"

namespace papilio::nn {

class ImageDataset {
 public:
  virtual ~ImageDataset() = default;

  // The number of images.
  virtual int64_t size() const = 0;
  // Picture i of 0 <= i < size(). Several threads may call it at a time. Throws FileError,
  // beginning with name(i), where the picture is corrupt.
  virtual Image image(int64_t i) const = 0;
  // An index into class_names().
  virtual int64_t label(int64_t i) const = 0;
  // For people: a file's path, or "train-images-idx3-ubyte.gz, image 7".
  virtual std::string name(int64_t i) const = 0;
  const std::vector<std::string>& class_names() const { return class_names_; }

 protected:
  // For subclasses: the names of the classes.
  explicit ImageDataset(std::vector<std::string> class_names)
      : class_names_(std::move(class_names)) {}

 private:
  std::vector<std::string> class_names_;
};
using ImageData = std::shared_ptr<const ImageDataset>;

// Pictures of one size, one after another in memory: pixels holds labels.size() times
// (height, width, channels). `name` is that of the file they come from. Throws FileError where the
// pixels' number is not the labels' or a label is no class.
ImageData images_in_memory(int64_t height, int64_t width, int64_t channels,
                           std::vector<uint8_t> pixels, std::vector<int64_t> labels,
                           std::vector<std::string> class_names, const std::string& name);

// The pictures at the given positions. Throws ArgumentError for one that is not there.
ImageData subset(const ImageData& data, const std::vector<int64_t>& positions);
// The pictures of the given classes, relabelled 0, 1, ... in the order given.
ImageData with_classes(const ImageData& data, const std::vector<int64_t>& classes);
// The pictures of each class c with number[c] >= 0, which becomes their label among `class_names`.
ImageData relabelled(const ImageData& data, const std::vector<int64_t>& number,
                     std::vector<std::string> class_names);
// All of both, which have the same classes.
ImageData joined(const ImageData& first, const ImageData& second);
// Images of each class.
std::vector<int64_t> class_counts(const ImageDataset& data);

// The parts of a data set; a part that is not there is null.
struct ImageSplits {
  std::string kind;  // "folder", "idx", "cifar-10", "cifar-100"
  ImageData train, validation, test;
  std::vector<std::string> notes;  // what was left out, one line each
};

// Shares of each class that are held out. Which pictures follows from the seed and their names in
// their class alone: a picture that comes or goes moves few others, and none from the training part
// to the test part as long as there are some to validate. A class of three pictures or more has at
// least one in each part whose share is not 0, any class one to train.
struct HoldOut {
  double validation = 0.1, test = 0.1;
  uint64_t seed = 0;
};
// All three parts out of one. Throws ArgumentError for shares outside [0, 1) or that leave nothing
// to train on.
ImageSplits hold_out(const ImageData& all, const HoldOut& shares);

}  // namespace papilio::nn
