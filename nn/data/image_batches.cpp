#include "nn/data/image_batches.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/formats/image.h"
#include "tensor/batch_rows.h"
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
  std::vector<std::filesystem::path> files(int64_t position) const override {
    return data_->files(position);
  }

  Batch batch(const std::vector<int64_t>& positions, Generator& generator) const override {
    return make(positions, all_of(positions), generator);
  }

  Batch part(const std::vector<int64_t>& positions, int64_t begin, int64_t end,
             Generator& generator) const override {
    const auto count = int64_t(positions.size());
    if (!options_.mixup.any()) {
      return make(positions, range(begin, end), generator);
    }
    // Pictures that are left out, or moved by where they stand, change who is mixed with whom.
    if (options_.on_corrupt == OnCorrupt::skip || options_.affine.any())
      return BatchSource::part(positions, begin, end, generator);
    // These and their partners, which stand as far from the end as they do from the beginning.
    std::vector<int64_t> places = range(begin, end);
    for (int64_t place = count - end; place < count - begin; ++place)
      if (place < begin || place >= end) places.push_back(place);
    std::ranges::sort(places);
    const Batch mixed = make(positions, places, generator);
    const auto row = std::ranges::lower_bound(places, begin) - places.begin();
    return rows_of(mixed, row, row + end - begin);
  }

 private:
  static std::vector<int64_t> range(int64_t begin, int64_t end) {
    std::vector<int64_t> places(size_t(end - begin));
    std::iota(places.begin(), places.end(), begin);
    return places;
  }
  static std::vector<int64_t> all_of(const std::vector<int64_t>& positions) {
    return range(0, int64_t(positions.size()));
  }

  // The batch's samples at these places in it.
  Batch make(const std::vector<int64_t>& positions, const std::vector<int64_t>& places,
             Generator& generator) const {
    const ImageProcessor& p = options_.transform.processor;
    Dims shape{int64_t(places.size()), p.channels(), p.out_height(), p.out_width()};
    Batch batch{.inputs = empty(shape)};
    float* to = batch.inputs.data<float>();
    std::vector<int64_t> labels;
    for (const int64_t place : places) {
      const int64_t position = positions[size_t(place)];
      // A stream of its own: what one image draws does not depend on the others.
      Generator each(generator.seed() + 0x9e3779b97f4a7c15u * uint64_t(place + 1));
      try {
        transform(position, each, to);
      } catch (const FileError& e) {
        if (options_.on_corrupt == OnCorrupt::fail) throw;
        batch.skipped.emplace_back(e.what());
        continue;
      }
      to += shape[1] * shape[2] * shape[3];
      labels.push_back(data_->label(position));
      batch.positions.push_back(position);
    }
    shape[0] = int64_t(labels.size());
    batch.inputs = batch.inputs.alias(Layout::contiguous(shape));
    batch.labels = tensor<int64_t>(labels);
    const bool part = places.size() < positions.size() && !places.empty();
    {
      const DrawForRows rows(part ? BatchRows{places[0], shape[0], int64_t(positions.size())}
                                  : BatchRows{});
      batch.inputs = options_.affine(batch.inputs, generator);
    }
    if (options_.mixup.any()) {
      batch.targets =
          options_.mixup(batch.inputs, batch.labels, int64_t(class_names().size()), generator);
    }
    return batch;
  }

  void transform(int64_t position, Generator& generator, float* to) const {
    try {
      const ScaledDecoding scaled(options_.scaled_decoding ? options_.transform.least_side() : 0);
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
