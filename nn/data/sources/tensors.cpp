#include "nn/data/sources/tensors.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

class TensorBatches : public ClassifiedSource {
 public:
  TensorBatches(Tensor images, std::vector<int64_t> labels, std::vector<std::string> class_names)
      : images_(std::move(images)),
        labels_(std::move(labels)),
        class_names_(std::move(class_names)) {}

  int64_t size() const override { return int64_t(labels_.size()); }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  std::vector<int64_t> labels() const override { return labels_; }
  std::string name(int64_t position) const override { return str("image ", position); }

  Batch batch(const std::vector<int64_t>& positions, Generator&) const override {
    Dims shape = images_.shape();
    const int64_t pixels = shape[1] * shape[2] * shape[3];
    shape[0] = int64_t(positions.size());
    Batch batch{.inputs = empty(shape)};
    float* to = batch.inputs.data<float>();
    std::vector<int64_t> labels;
    for (int64_t i : positions) {
      to = std::copy_n(images_.data<float>() + i * pixels, pixels, to);
      labels.push_back(labels_[size_t(i)]);
    }
    batch.labels = tensor<int64_t>(labels);
    return batch;
  }

 private:
  Tensor images_;
  std::vector<int64_t> labels_;
  std::vector<std::string> class_names_;
};

}  // namespace

Batches batches_of(const Tensor& images, const Tensor& labels,
                   std::vector<std::string> class_names) {
  check(images.defined() && images.dim() == 4 && images.dtype() == DType::float32 &&
            images.device().is_cpu(),
        "batches_of: expected float32 images of shape (N, C, H, W) on the CPU");
  check(labels.defined() && labels.dim() == 1 && labels.dtype() == DType::int64 &&
            labels.size(0) == images.size(0),
        "batches_of: expected ", images.size(0), " int64 labels in one dimension");
  std::vector<int64_t> numbers = labels.to_vector<int64_t>();
  for (int64_t label : numbers) {
    check(label >= 0 && label < int64_t(class_names.size()), "batches_of: label ", label,
          " is out of range for ", class_names.size(), " classes");
  }
  return std::make_shared<TensorBatches>(contiguous_data(images), std::move(numbers),
                                         std::move(class_names));
}

}  // namespace papilio::nn
