#include "nn/data/sources/detail/labelled_images.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "nn/data/sources/detail/class_names.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

class ListedImages : public ImageDataset {
 public:
  ListedImages(std::vector<LabelledImage> images, std::vector<int64_t> labels,
               std::vector<std::string> class_names)
      : ImageDataset(std::move(class_names)),
        images_(std::move(images)),
        labels_(std::move(labels)) {}

  int64_t size() const override { return int64_t(images_.size()); }
  Image sample(int64_t i) const override { return images_[size_t(i)].read(); }
  int64_t label(int64_t i) const override { return labels_[size_t(i)]; }
  std::string own_name(int64_t i) const override { return images_[size_t(i)].name; }
  std::vector<std::filesystem::path> files(int64_t i) const override {
    return {images_[size_t(i)].file};
  }

 private:
  std::vector<LabelledImage> images_;
  std::vector<int64_t> labels_;
};

// Whether the text is a number below 10^9, which can be compared.
bool is_number(const std::string& text) {
  return !text.empty() && text.size() <= 9 && text.find_first_not_of("0123456789") == text.npos;
}

}  // namespace

std::vector<std::string> classes_of(const std::vector<LabelledImage>& images) {
  std::set<std::string> names;
  for (const LabelledImage& image : images) names.insert(image.label);
  std::vector<std::string> result(names.begin(), names.end());
  if (std::ranges::all_of(result, is_number))
    std::ranges::stable_sort(result, {}, [](const std::string& name) { return std::stol(name); });
  return result;
}

ImageData labelled_images(std::vector<LabelledImage> images,
                          const std::vector<std::string>& class_names, const std::string& where) {
  check<FileError>(!images.empty(), where, ": holds no picture with a label");
  std::map<std::string, int64_t> number;
  for (const std::string& name : class_names) number.emplace(name, int64_t(number.size()));
  std::vector<int64_t> labels;
  for (const LabelledImage& image : images) {
    const auto found = number.find(image.label);
    check<FileError>(found != number.end(), image.name, ": its label ", image.label.substr(0, 40),
                     " is no class of the training part");
    labels.push_back(found->second);
  }
  return std::make_shared<ListedImages>(std::move(images), std::move(labels), class_names);
}

ImageSplits labelled_splits(LabelledParts parts, const HoldOut& shares, const std::string& where,
                            std::vector<std::string> class_names) {
  if (class_names.empty()) class_names = classes_of(parts.train);
  check_class_names(class_names, where);
  const auto part = [&](std::vector<LabelledImage>& images) -> ImageData {
    return images.empty() ? nullptr : labelled_images(std::move(images), class_names, where);
  };
  const ImageData train = labelled_images(std::move(parts.train), class_names, where);
  return hold_out_rest<Image>({"", train, part(parts.validation), part(parts.test)}, shares);
}

}  // namespace papilio::nn
