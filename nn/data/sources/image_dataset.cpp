#include "nn/data/sources/image_dataset.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <utility>

#include "tensor/error.h"

namespace papilio::nn {

namespace {

class MemoryImages : public ImageDataset {
 public:
  MemoryImages(Image shape, std::vector<uint8_t> pixels, std::vector<int64_t> labels,
               std::vector<std::string> class_names, std::string name,
               std::vector<std::filesystem::path> files)
      : ImageDataset(std::move(class_names)),
        shape_(std::move(shape)),
        pixels_(std::move(pixels)),
        labels_(std::move(labels)),
        name_(std::move(name)),
        files_(std::move(files)) {}

  int64_t size() const override { return int64_t(labels_.size()); }
  Image sample(int64_t i) const override {
    Image image = shape_;
    const int64_t bytes = shape_.height * shape_.width * shape_.channels;
    image.pixels.assign(pixels_.begin() + i * bytes, pixels_.begin() + (i + 1) * bytes);
    return image;
  }
  int64_t label(int64_t i) const override { return labels_[size_t(i)]; }
  std::string own_name(int64_t i) const override {
    return name_.empty() ? "" : str(name_, ", image ", i);
  }
  std::vector<std::filesystem::path> files(int64_t) const override { return files_; }
  const char* kind() const override { return "image"; }

 private:
  Image shape_;  // without pixels
  std::vector<uint8_t> pixels_;
  std::vector<int64_t> labels_;
  std::string name_;
  std::vector<std::filesystem::path> files_;
};

}  // namespace

ImageData images_in_memory(PixelArrays&& arrays) {
  auto& [height, width, channels, pixels, labels, class_names, name, files] = arrays;
  check(height >= 1 && width >= 1 && (channels == 1 || channels == 3),
        "images_in_memory: expected images of 1 channel or 3, got ", height, 'x', width, 'x',
        channels);
  check<FileError>(pixels.size() % size_t(height * width * channels) == 0 &&
                       pixels.size() / size_t(height * width * channels) == labels.size(),
                   name, ": expected ", labels.size(), " images of ", height * width * channels,
                   " bytes, got ", pixels.size(), " bytes");
  for (size_t i = 0; i < labels.size(); ++i) {
    check<FileError>(labels[i] >= 0 && labels[i] < int64_t(class_names.size()), name, ": label ",
                     labels[i], " of image ", i, " is out of range for ", class_names.size(),
                     " classes");
  }
  return std::make_shared<MemoryImages>(Image{width, height, channels, {}}, std::move(pixels),
                                        std::move(labels), std::move(class_names), std::move(name),
                                        std::move(files));
}

}  // namespace papilio::nn
