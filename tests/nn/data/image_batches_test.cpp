#include "nn/data/image_batches.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/transforms/image_processor.h"
#include "tensor/random.h"
#include "tensor/tensor.h"
#include "tests/paths.h"

namespace papilio::test {

namespace {

const std::filesystem::path kPicture =
    std::filesystem::path(source_root) / "tests/golden/images/rgb.jpg";  // 13x9

class OnePicture : public nn::ImageDataset {
 public:
  OnePicture() : nn::ImageDataset({"one"}) {}
  int64_t size() const override { return 1; }
  nn::Image sample(int64_t) const override { return nn::read_image(kPicture); }
  int64_t label(int64_t) const override { return 0; }
  std::string own_name(int64_t) const override { return kPicture; }
};

std::vector<float> inputs_of(const nn::ImageBatchOptions& options) {
  Generator generator(1);
  return nn::batches_of(std::make_shared<OnePicture>(), options)
      ->batch({0}, generator)
      .inputs.to_vector();
}

std::vector<float> made_of(const nn::Image& image, const nn::ImageProcessor& processor) {
  std::vector<float> pixels(size_t(processor.channels() * processor.height * processor.width));
  processor(image, pixels.data());
  return pixels;
}

}  // namespace

TEST_CASE("image batches: scaled decoding is off until asked for, and leaves two pixels for one") {
  nn::ImageBatchOptions options;
  options.transform.processor.height = options.transform.processor.width = 2;
  const nn::ImageProcessor& processor = options.transform.processor;
  const auto whole = made_of(nn::read_image(kPicture), processor);
  CHECK(inputs_of(options) == whole);
  options.scaled_decoding = true;
  const auto scaled = inputs_of(options);
  CHECK(scaled != whole);
  const nn::ScaledDecoding half(4);
  CHECK(nn::read_image(kPicture).width == 7);
  CHECK(scaled == made_of(nn::read_image(kPicture), processor));
}

}  // namespace papilio::test
