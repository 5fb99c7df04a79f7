#include "nn/data/sources/image_dataset.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <utility>

#include "nn/data/sources/class_names.h"
#include "nn/data/word_hash.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

class MemoryImages : public ImageDataset {
 public:
  MemoryImages(Image shape, std::vector<uint8_t> pixels, std::vector<int64_t> labels,
               std::vector<std::string> class_names, std::string name)
      : ImageDataset(std::move(class_names)),
        shape_(std::move(shape)),
        pixels_(std::move(pixels)),
        labels_(std::move(labels)),
        name_(std::move(name)) {}

  int64_t size() const override { return int64_t(labels_.size()); }
  Image image(int64_t i) const override {
    Image image = shape_;
    const int64_t bytes = shape_.height * shape_.width * shape_.channels;
    image.pixels.assign(pixels_.begin() + i * bytes, pixels_.begin() + (i + 1) * bytes);
    return image;
  }
  int64_t label(int64_t i) const override { return labels_[size_t(i)]; }
  std::string name(int64_t i) const override { return str(name_, ", image ", i); }

 private:
  Image shape_;  // without pixels
  std::vector<uint8_t> pixels_;
  std::vector<int64_t> labels_;
  std::string name_;
};

// Pictures of other data sets, under labels of their own.
class ImageView : public ImageDataset {
 public:
  struct Place {
    uint32_t source;
    int64_t position, label;
  };
  ImageView(std::vector<ImageData> sources, std::vector<Place> places,
            std::vector<std::string> class_names)
      : ImageDataset(std::move(class_names)),
        sources_(std::move(sources)),
        places_(std::move(places)) {}

  int64_t size() const override { return int64_t(places_.size()); }
  Image image(int64_t i) const override { return source(i).image(places_[size_t(i)].position); }
  int64_t label(int64_t i) const override { return places_[size_t(i)].label; }
  std::string name(int64_t i) const override { return source(i).name(places_[size_t(i)].position); }

 private:
  const ImageDataset& source(int64_t i) const { return *sources_[places_[size_t(i)].source]; }

  std::vector<ImageData> sources_;
  std::vector<Place> places_;
};

}  // namespace

ImageData images_in_memory(int64_t height, int64_t width, int64_t channels,
                           std::vector<uint8_t> pixels, std::vector<int64_t> labels,
                           std::vector<std::string> class_names, const std::string& name) {
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
                                        std::move(labels), std::move(class_names), name);
}

ImageData subset(const ImageData& data, const std::vector<int64_t>& positions) {
  std::vector<ImageView::Place> places;
  for (int64_t position : positions) {
    check(position >= 0 && position < data->size(), "subset: position ", position,
          " is out of range for ", data->size(), " images");
    places.push_back({0, position, data->label(position)});
  }
  return std::make_shared<ImageView>(std::vector{data}, std::move(places), data->class_names());
}

ImageData relabelled(const ImageData& data, const std::vector<int64_t>& number,
                     std::vector<std::string> class_names) {
  check(number.size() == data->class_names().size(), "relabelled: expected ",
        data->class_names().size(), " numbers, got ", number.size());
  std::vector<ImageView::Place> places;
  for (int64_t i = 0; i < data->size(); ++i) {
    const int64_t label = number[size_t(data->label(i))];
    if (label >= 0) places.push_back({0, i, label});
  }
  return std::make_shared<ImageView>(std::vector{data}, std::move(places), std::move(class_names));
}

ImageData with_classes(const ImageData& data, const std::vector<int64_t>& classes) {
  ChosenClasses chosen = choose_classes(data->class_names(), classes);
  return relabelled(data, chosen.number, std::move(chosen.names));
}

ImageData joined(const ImageData& first, const ImageData& second) {
  check(first->class_names() == second->class_names(), "joined: expected the same classes");
  std::vector<ImageView::Place> places;
  for (int64_t i = 0; i < first->size(); ++i) places.push_back({0, i, first->label(i)});
  for (int64_t i = 0; i < second->size(); ++i) places.push_back({1, i, second->label(i)});
  return std::make_shared<ImageView>(std::vector{first, second}, std::move(places),
                                     first->class_names());
}

std::vector<int64_t> class_counts(const ImageDataset& data) {
  std::vector<int64_t> counts(data.class_names().size(), 0);
  for (int64_t i = 0; i < data.size(); ++i) ++counts[size_t(data.label(i))];
  return counts;
}

namespace {

// The name within the class: it stays when the data set moves.
std::string_view name_in_class(std::string_view name, const std::string& class_name) {
  const std::string folder = '/' + class_name + '/';
  const size_t at = name.rfind(folder), slash = name.rfind('/');
  if (at != name.npos) return name.substr(at + folder.size());
  return slash == name.npos ? name : name.substr(slash + 1);
}

// Mixed as SplitMix64 does: the order of names that differ in one digit is to be as good as drawn.
uint64_t hash_of(uint64_t seed, std::string_view class_name, std::string_view name) {
  uint64_t h = word_hash(word_hash(kWordHash ^ (seed * 0x9e3779b97f4a7c15u), class_name), name);
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return h ^ (h >> 31);
}

// The positions in an order that follows from their names.
std::vector<int64_t> by_name(const ImageDataset& data, const std::vector<int64_t>& positions,
                             const std::string& class_name, uint64_t seed) {
  std::vector<std::pair<uint64_t, int64_t>> keys;
  for (const int64_t i : positions) {
    const std::string name = data.name(i);
    keys.emplace_back(hash_of(seed, class_name, name_in_class(name, class_name)), i);
  }
  std::ranges::sort(keys);
  std::vector<int64_t> order;
  for (const auto& key : keys) order.push_back(key.second);
  return order;
}

}  // namespace

ImageSplits hold_out(const ImageData& all, const HoldOut& shares) {
  check(shares.validation >= 0 && shares.test >= 0 && shares.validation + shares.test < 1,
        "hold_out: expected shares >= 0 that leave something to train on, got ", shares.validation,
        " and ", shares.test);
  std::vector<std::vector<int64_t>> of_class(all->class_names().size());
  for (int64_t i = 0; i < all->size(); ++i) of_class[size_t(all->label(i))].push_back(i);
  std::vector<int64_t> train, validation, test;
  for (size_t c = 0; c < of_class.size(); ++c) {
    const auto n = int64_t(of_class[c].size());
    const auto count = [&](double share, int64_t most) {
      const int64_t wanted =
          std::max<int64_t>(share > 0 && n >= 3, std::llround(share * double(n)));
      return std::min(wanted, std::max<int64_t>(most, 0));
    };
    const int64_t tested = count(shares.test, n - 1 - (shares.validation > 0 && n >= 3)),
                  held = tested + count(shares.validation, n - 1 - tested);
    const std::vector<int64_t> order =
        by_name(*all, of_class[c], all->class_names()[c], shares.seed);
    for (int64_t k = 0; k < n; ++k) {
      (k < tested ? test : k < held ? validation : train).push_back(order[size_t(k)]);
    }
  }
  const auto part = [&](std::vector<int64_t>& positions, double share) -> ImageData {
    if (share == 0) return nullptr;
    std::ranges::sort(positions);
    return subset(all, positions);
  };
  return {"", part(train, 1), part(validation, shares.validation), part(test, shares.test), {}};
}

}  // namespace papilio::nn
