// Pictures that cannot be read, as the loader meets them.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "nn/data/image_batches.h"
#include "nn/data/loader.h"
#include "nn/data/sources/image_folder.h"
#include "nn/layers/linear.h"
#include "nn/train/fit.h"
#include "tensor/creation.h"
#include "tests/nn/data/files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;
using Labels = std::vector<int64_t>;

}  // namespace

TEST_CASE("loader: corrupt images end the work or stay out of it, as asked") {
  TemporaryFolder folder;
  for (const char* name : {"a", "b"}) {
    fs::create_directories(folder / name);
    for (int i = 0; i < 6; ++i)
      write_bytes(folder / name / (std::to_string(i) + ".png"), plain_png(8, 8, i, 0, 0));
  }
  const nn::ImageData data = nn::image_folder(folder.path());
  for (int i = 0; i < 4; ++i) write_bytes(folder / "a" / (std::to_string(i) + ".png"), "broken");
  nn::ImageBatchOptions options{.transform = {.processor = nn::image_processor_for(8, 8, 3)}};
  const std::string broken =
      (folder / "a/0.png").string() + ": expected a JPEG or PNG picture, got no picture";
  for (int64_t workers : {0, 2}) {
    options.on_corrupt = nn::OnCorrupt::fail;
    nn::Loader strict(nn::batches_of(data, options), {.workers = workers, .shuffle = false});
    CHECK_THROWS_WITH_AS(strict.next(), broken.c_str(), FileError);
    options.on_corrupt = nn::OnCorrupt::skip;
    const nn::Batches source = nn::batches_of(data, options);
    nn::Loader loader(source, {.batch_size = 3, .workers = workers, .shuffle = false});
    nn::Batch batch = loader.next();  // the first three are broken: this is the second batch
    CHECK(batch.labels.to_vector<int64_t>() == Labels{0, 0});
    CHECK(batch.inputs.shape() == Dims{2, 3, 8, 8});
    REQUIRE(batch.skipped.size() == 4);
    CHECK(batch.skipped[0] == broken);
    CHECK(loader.position() == 2);
    CHECK(loader.next().labels.to_vector<int64_t>() == Labels{1, 1, 1});
    // What is drawn for one image does not depend on the one before being broken.
    const nn::Loader::Options evaluation{.batch_size = 5, .workers = workers, .shuffle = false};
    nn::Loader all(source, evaluation);
    nn::Linear module(1, 1);
    const nn::Evaluation result = nn::evaluate(
        module,
        [](const Tensor& x) {
          return zeros({x.size(0), 2});
        },
        all);
    CHECK(result.labels.size() == 8);
    CHECK(result.skipped.size() == 4);
    CHECK(result.positions == Labels{4, 5, 6, 7, 8, 9, 10, 11});
    CHECK(result.accuracy == 0.25);
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
    if (entry.is_regular_file()) write_bytes(entry.path(), "");
  }
  nn::Loader hopeless(nn::batches_of(data, options), {.batch_size = 5, .workers = 2});
  CHECK_THROWS_AS(hopeless.next(), FileError);
}

TEST_CASE("loader: a picture beyond all memory is named, and can stay out") {
  struct Large : nn::ImageDataset {
    Large() : nn::ImageDataset({"a"}) {}
    int64_t size() const override { return 2; }
    nn::Image sample(int64_t i) const override {
      if (i == 0) throw std::bad_alloc();
      return {1, 1, 1, {9}};
    }
    int64_t label(int64_t) const override { return 0; }
    std::string own_name(int64_t i) const override { return str("picture ", i); }
  };
  const auto data = std::make_shared<Large>();
  nn::ImageBatchOptions options{.transform = {.processor = nn::image_processor_for(1, 1, 1)}};
  nn::Loader strict(nn::batches_of(data, options), {.shuffle = false});
  CHECK_THROWS_WITH_AS(strict.next(), "picture 0: there is not enough memory for the picture",
                       FileError);
  options.on_corrupt = nn::OnCorrupt::skip;
  nn::Loader patient(nn::batches_of(data, options), {.shuffle = false});
  CHECK(patient.next().labels.numel() == 1);
}

}  // namespace papilio::test
