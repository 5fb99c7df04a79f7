#include "nn/diffusion/captioned_batches.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <new>
#include <utility>

#include "nn/data/batch_source.h"
#include "nn/data/detail/word_hash.h"
#include "nn/data/formats/image.h"
#include "nn/data/transforms/crop.h"
#include "nn/data/transforms/draw.h"
#include "nn/data/transforms/resize.h"
#include "nn/diffusion/diffusion_loss.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tensor/files/detail/as_file_error.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

// One kind of tensor of a batch, sample by sample.
struct Pictures {
  std::vector<float> values;
  // scale v / 255 + shift of every pixel, channel by channel.
  void add(const Image& image, float scale, float shift) {
    for (int64_t c = 0; c < 3; ++c)
      for (size_t i = size_t(c); i < image.pixels.size(); i += 3)
        values.push_back(float(image.pixels[i]) / 255 * scale + shift);
  }
  Tensor tensor(int64_t B, int64_t size) const {
    return papilio::tensor<float>(values, {B, 3, size, size});
  }
};

void append(std::vector<int64_t>& ids, const std::vector<int64_t>& more) {
  ids.insert(ids.end(), more.begin(), more.end());
}

// Where a picture is cut, as shares of what is left over, and whether it is mirrored.
struct Cut {
  double top, left;
  bool mirrored;
};

class CaptionedBatches : public BatchSource {
 public:
  CaptionedBatches(CaptionedData data, EncodeCaption encode, const CaptionedBatchOptions& options)
      : data_(std::move(data)), encode_(std::move(encode)), o_(options) {
    check(o_.size >= 1 && o_.size <= 16384 && o_.hflip >= 0 && o_.hflip <= 1 &&
              o_.caption_dropout >= 0 && o_.caption_dropout <= 1,
          "captioned_batches: expected a size from 1 to 16384 and probabilities, got ", o_.size,
          ", hflip ", o_.hflip, ", caption_dropout ", o_.caption_dropout);
    conditioned_ = has_conditioning(data_);
  }

  int64_t size() const override {
    return std::max(data_->size(), o_.class_images ? o_.class_images->size() : 0);
  }
  std::string name(int64_t position) const override {
    return data_->name(position % data_->size());
  }
  std::vector<fs::path> files(int64_t position) const override {
    std::vector<fs::path> all;
    for (const CaptionedData& data : {data_, o_.class_images}) {
      if (data == nullptr) continue;
      std::ranges::move(data->files(position % data->size()), std::back_inserter(all));
    }
    return all;
  }

  uint64_t digest() const override {
    uint64_t hash = kWordHash;
    for (const CaptionedData& data : {data_, o_.class_images}) {
      for (int64_t i = 0; data != nullptr && i < data->size(); ++i) {
        hash = word_hash(hash, data->name(i));
        hash = word_hash(hash, data->sample(i).caption);
      }
    }
    return hash;
  }

  Batch batch(const std::vector<int64_t>& positions, Generator& generator) const override {
    return make(positions, 0, int64_t(positions.size()), generator);
  }
  Batch part(const std::vector<int64_t>& positions, int64_t begin, int64_t end,
             Generator& generator) const override {
    return make(positions, begin, end, generator);
  }

 private:
  // The batch's samples begin, ..., end - 1.
  Batch make(const std::vector<int64_t>& positions, int64_t begin, int64_t end,
             Generator& generator) const {
    Pictures inputs, conditioning, class_inputs;
    std::vector<int64_t> input_ids, class_input_ids;
    Batch batch;
    for (auto k = size_t(begin); k < size_t(end); ++k) {
      // A stream of its own: what one picture draws does not depend on the others.
      Generator each(generator.seed() + 0x9e3779b97f4a7c15u * uint64_t(k + 1));
      try {
        const CaptionedImage own = sample(data_, positions[k]);
        const Cut cut = draw(each);
        const Image image = fitted(own.read(), cut);
        const Image steering = conditioned_ ? fitted(own.read_conditioning(), cut) : Image{};
        const auto ids = encoded(data_, positions[k],
                                 drop_captions({own.caption}, o_.caption_dropout, each).front());
        if (o_.class_images != nullptr) {
          const CaptionedImage other = sample(o_.class_images, positions[k]);
          const Image picture = fitted(other.read(), draw(each));
          append(class_input_ids, encoded(o_.class_images, positions[k], other.caption));
          class_inputs.add(picture, 2, -1);
        }
        inputs.add(image, 2, -1);
        conditioning.add(steering, 1, 0);
        append(input_ids, ids);
        batch.positions.push_back(positions[k]);
      } catch (const FileError& e) {
        if (o_.on_corrupt == OnCorrupt::fail) throw;
        batch.skipped.emplace_back(e.what());
      } catch (const std::bad_alloc&) {
        throw FileError(name(positions[k]) + ": there is not enough memory for the picture");
      }
    }
    const auto B = int64_t(batch.positions.size());
    batch.inputs = inputs.tensor(B, o_.size);
    if (B == 0) return batch;
    const Dims ids{B, int64_t(input_ids.size()) / B};
    if (conditioned_) batch.more["conditioning"] = conditioning.tensor(B, o_.size);
    batch.more["input_ids"] = tensor<int64_t>(input_ids, ids);
    if (o_.class_images != nullptr) {
      batch.more["class_inputs"] = class_inputs.tensor(B, o_.size);
      batch.more["class_input_ids"] = tensor<int64_t>(class_input_ids, ids);
    }
    return batch;
  }

  static CaptionedImage sample(const CaptionedData& data, int64_t position) {
    return data->sample(position % data->size());
  }

  Cut draw(Generator& generator) const {
    Draw draw(generator);
    const double top = draw.uniform(), left = draw.uniform();
    const bool mirrored = draw.chance(o_.hflip);
    return o_.random_crop ? Cut{top, left, mirrored} : Cut{0.5, 0.5, mirrored};
  }

  Image fitted(const Image& image, const Cut& cut) const {
    const ImageSize whole = shortest_edge_size(image.height, image.width, o_.size);
    // A random place is one of n + 1; the middle rounds as torchvision's CenterCrop does.
    const auto place = [&](int64_t more, double share) {
      return o_.random_crop ? int64_t(share * double(more + 1))
                            : center_margin(more + o_.size, o_.size, CropRounding::half_even);
    };
    const Window window{place(whole.height - o_.size, cut.top),
                        place(whole.width - o_.size, cut.left), o_.size, o_.size};
    Image square =
        resize(with_channels(image, 3), whole.height, whole.width, Interpolation::bilinear, window);
    return cut.mirrored ? hflip(std::move(square)) : square;
  }

  // Throws FileError that names the sample.
  std::vector<int64_t> encoded(const CaptionedData& data, int64_t position,
                               const std::string& caption) const {
    return as_file_error(data->name(position % data->size()), [&] { return encode_(caption); });
  }

  CaptionedData data_;
  EncodeCaption encode_;
  CaptionedBatchOptions o_;
  bool conditioned_ = false;
};

}  // namespace

Batches captioned_batches(CaptionedData data, EncodeCaption encode,
                          const CaptionedBatchOptions& options) {
  return std::make_shared<CaptionedBatches>(std::move(data), std::move(encode), options);
}

}  // namespace papilio::nn
