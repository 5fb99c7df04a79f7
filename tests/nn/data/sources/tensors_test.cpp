#include "nn/data/sources/tensors.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "nn/data/loader.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tests/nn/digits.h"

namespace papilio::test {

TEST_CASE("loader: every image once an epoch, an order that repeats, and a place to go on from") {
  const nn::Batches data =
      nn::batches_of(reshape_rows(10), arange(10), std::vector<std::string>(10, "c"));
  nn::Loader loader(data, {.batch_size = 4, .seed = 3});
  std::vector<int64_t> seen, first_epoch, third_batch;
  for (int i = 0; i < 6; ++i) {
    const nn::Batch batch = loader.next();
    const auto labels = batch.labels.to_vector<int64_t>();
    for (size_t k = 0; k < labels.size(); ++k)
      CHECK(batch.inputs.to_vector<double>()[k] == double(labels[k]));
    if (i == 4) third_batch = labels;
    (i < 3 ? first_epoch : seen)
        .insert((i < 3 ? first_epoch : seen).end(), labels.begin(), labels.end());
  }
  CHECK(std::set<int64_t>(first_epoch.begin(), first_epoch.end()).size() == 10);
  CHECK(std::set<int64_t>(seen.begin(), seen.end()).size() == 10);
  CHECK(seen != first_epoch);
  nn::Loader again(data, {.batch_size = 4, .seed = 3});
  again.seek(1, 1);
  CHECK(again.next().labels.to_vector<int64_t>() == third_batch);
}

TEST_CASE("tensors as batches: wrong shapes, dtypes and labels are named") {
  const Tensor images = reshape_rows(2);
  CHECK_THROWS_WITH_AS(nn::batches_of(zeros({2, 1}), arange(2), {"a", "b"}),
                       "batches_of: expected float32 images of shape (N, C, H, W) on the CPU",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(nn::batches_of(images, arange(3), {"a", "b"}),
                       "batches_of: expected 2 int64 labels in one dimension", ArgumentError);
  CHECK_THROWS_WITH_AS(nn::batches_of(images, arange(2), {"a"}),
                       "batches_of: label 1 is out of range for 1 classes", ArgumentError);
}

}  // namespace papilio::test
