#include "nn/data/batch_source.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "tensor/creation.h"

namespace papilio::nn {

namespace {

class DatasetSource : public BatchSource {
 public:
  DatasetSource(Dataset data, const DatasetSourceOptions& options)
      : data_(std::move(data)), options_(options) {}

  int64_t size() const override { return data_.size(); }
  Dims image_shape() const override {
    return {data_.images.size(1), data_.images.size(2), data_.images.size(3)};
  }
  const std::vector<std::string>& class_names() const override { return data_.class_names; }
  std::vector<int64_t> labels() const override { return data_.labels.to_vector<int64_t>(); }
  std::string name(int64_t position) const override { return str("image ", position); }

  Batch batch(const std::vector<int64_t>& positions, Generator& generator) const override {
    const Dataset picked = subset(data_, positions);
    Batch batch{
        augment(picked.images, options_.augmentation, generator), picked.labels, {}, {}, {}};
    if (options_.mixup.any()) {
      batch.targets =
          options_.mixup(batch.images, batch.labels, int64_t(class_names().size()), generator);
    }
    return batch;
  }

 private:
  Dataset data_;
  DatasetSourceOptions options_;
};

class ImageSource : public BatchSource {
 public:
  ImageSource(ImageData data, const ImageSourceOptions& options)
      : data_(std::move(data)), options_(options) {
    options_.transform.processor.validate();
  }

  int64_t size() const override { return data_->size(); }
  Dims image_shape() const override {
    const ImageProcessor& p = options_.transform.processor;
    return {p.channels(), p.out_height(), p.out_width()};
  }
  const std::vector<std::string>& class_names() const override { return data_->class_names(); }
  std::vector<int64_t> labels() const override {
    std::vector<int64_t> all;
    for (int64_t i = 0; i < size(); ++i) all.push_back(data_->label(i));
    return all;
  }
  std::string name(int64_t position) const override { return data_->name(position); }

  Batch batch(const std::vector<int64_t>& positions, Generator& generator) const override {
    const Dims one = image_shape();
    Dims shape{int64_t(positions.size()), one[0], one[1], one[2]};
    Batch batch{empty(shape), {}, {}, {}, {}};
    float* to = batch.images.data<float>();
    std::vector<int64_t> labels;
    for (size_t k = 0; k < positions.size(); ++k) {
      // A stream of its own: what one image draws does not depend on the others.
      Generator each(generator.seed() + 0x9e3779b97f4a7c15u * uint64_t(k + 1));
      try {
        transform(positions[k], each, to);
      } catch (const FileError& e) {
        if (options_.on_corrupt == OnCorrupt::fail) throw;
        batch.skipped.emplace_back(e.what());
        continue;
      }
      to += one[0] * one[1] * one[2];
      labels.push_back(data_->label(positions[k]));
      batch.positions.push_back(positions[k]);
    }
    shape[0] = int64_t(labels.size());
    batch.images = batch.images.alias(Layout::contiguous(shape));
    batch.labels = tensor<int64_t>(labels);
    if (options_.mixup.any()) {
      batch.targets =
          options_.mixup(batch.images, batch.labels, int64_t(class_names().size()), generator);
    }
    return batch;
  }

 private:
  void transform(int64_t position, Generator& generator, float* to) const {
    try {
      options_.transform(data_->image(position), generator, to);
    } catch (const ArgumentError& e) {  // an image of another size, where nothing resizes it
      throw FileError(data_->name(position) + ": " + e.what());
    } catch (const std::bad_alloc&) {
      throw FileError(data_->name(position) + ": there is not enough memory for the picture");
    }
  }

  ImageData data_;
  ImageSourceOptions options_;
};

}  // namespace

Batches batches_of(Dataset data, const DatasetSourceOptions& options) {
  return std::make_shared<DatasetSource>(std::move(data), options);
}

Batches batches_of(ImageData data, const ImageSourceOptions& options) {
  return std::make_shared<ImageSource>(std::move(data), options);
}

}  // namespace papilio::nn
