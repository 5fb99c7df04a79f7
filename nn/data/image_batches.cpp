#include "nn/data/image_batches.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

class ImageBatches : public ClassifiedSource {
 public:
  ImageBatches(ImageData data, const ImageBatchOptions& options)
      : data_(std::move(data)), options_(options) {
    options_.transform.processor.validate();
  }

  int64_t size() const override { return data_->size(); }
  const std::vector<std::string>& class_names() const override { return data_->class_names(); }
  std::vector<int64_t> labels() const override {
    std::vector<int64_t> all;
    for (int64_t i = 0; i < size(); ++i) all.push_back(data_->label(i));
    return all;
  }
  std::string name(int64_t position) const override { return data_->name(position); }

  Batch batch(const std::vector<int64_t>& positions, Generator& generator) const override {
    const ImageProcessor& p = options_.transform.processor;
    Dims shape{int64_t(positions.size()), p.channels(), p.out_height(), p.out_width()};
    Batch batch{.inputs = empty(shape)};
    float* to = batch.inputs.data<float>();
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
      to += shape[1] * shape[2] * shape[3];
      labels.push_back(data_->label(positions[k]));
      batch.positions.push_back(positions[k]);
    }
    shape[0] = int64_t(labels.size());
    batch.inputs = batch.inputs.alias(Layout::contiguous(shape));
    batch.labels = tensor<int64_t>(labels);
    batch.inputs = options_.affine(batch.inputs, generator);
    if (options_.mixup.any()) {
      batch.targets =
          options_.mixup(batch.inputs, batch.labels, int64_t(class_names().size()), generator);
    }
    return batch;
  }

 private:
  void transform(int64_t position, Generator& generator, float* to) const {
    try {
      options_.transform(data_->sample(position), generator, to);
    } catch (const ArgumentError& e) {  // an image of another size, and nothing resizes it
      throw FileError(data_->name(position) + ": " + e.what());
    } catch (const std::bad_alloc&) {
      throw FileError(data_->name(position) + ": there is not enough memory for the picture");
    }
  }

  ImageData data_;
  ImageBatchOptions options_;
};

}  // namespace

Batches batches_of(ImageData data, const ImageBatchOptions& options) {
  return std::make_shared<ImageBatches>(std::move(data), options);
}

Batches plain_batches(ImageData data, const ImageProcessor& processor, OnCorrupt on_corrupt) {
  return batches_of(std::move(data),
                    {.transform = {.processor = processor}, .on_corrupt = on_corrupt});
}

}  // namespace papilio::nn
