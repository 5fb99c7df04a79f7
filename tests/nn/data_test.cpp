#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "nn/data/formats/gzip.h"
#include "nn/data/loader.h"
#include "nn/data/sources/digits.h"
#include "tensor/creation.h"
#include "tests/nn/digits.h"

namespace papilio::test {

TEST_CASE("digits: 1,797 images of ten classes, pixels in [-1, 1]") {
  const nn::Dataset& data = digits();
  CHECK(data.size() == 1797);
  CHECK(data.images.shape() == Dims{1797, 1, 8, 8});
  std::map<int64_t, int> counts;
  for (int64_t label : data.labels.to_vector<int64_t>()) ++counts[label];
  CHECK(counts.size() == 10);
  CHECK(counts[0] == 178);
  CHECK(counts[9] == 180);
  const auto pixels = data.images.to_vector();
  CHECK(*std::ranges::min_element(pixels) == -1);
  CHECK(*std::ranges::max_element(pixels) == 1);
}

TEST_CASE("splits: parts do not overlap, keep every image, and hold every class alike") {
  const nn::Splits splits = nn::fixed_splits(digits());
  CHECK(splits.train.size() + splits.validation.size() + splits.test.size() == 1797);
  CHECK(splits.test.size() > 350);
  std::map<int64_t, int> counts;
  for (int64_t label : splits.test.labels.to_vector<int64_t>()) ++counts[label];
  for (const auto& [label, count] : counts) CHECK((count >= 34 && count <= 37));
  const nn::Dataset some = nn::with_classes(splits.test, {7, 5});
  CHECK(some.class_names == std::vector<std::string>{"7", "5"});
  CHECK(some.size() == counts[7] + counts[5]);
}

TEST_CASE("loader: every image once an epoch, an order that repeats, and a place to go on from") {
  const nn::Dataset data{reshape_rows(10), arange(10), {"a"}};
  nn::Loader loader(data, {.batch_size = 4, .seed = 3});
  std::vector<int64_t> seen, first_epoch, third_batch;
  for (int i = 0; i < 6; ++i) {
    const nn::Batch batch = loader.next();
    const auto labels = batch.labels.to_vector<int64_t>();
    for (size_t k = 0; k < labels.size(); ++k)
      CHECK(batch.images.to_vector<double>()[k] == double(labels[k]));
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

TEST_CASE(
    "augmentation: nothing asked, nothing changed; a whole-pixel shift moves pixels; seeds "
    "repeat") {
  const nn::Dataset& data = digits();
  const nn::Dataset few = nn::subset(data, {0, 1, 2});
  Generator a(1), b(1), c(2);
  CHECK(nn::augment(few.images, {}, a).to_vector() == few.images.to_vector());
  const nn::Augmentation both{.shift_pixels = 1, .rotation_degrees = 15};
  const auto once = nn::augment(few.images, both, a).to_vector();
  CHECK(once == nn::augment(few.images, both, b).to_vector());
  CHECK(once != nn::augment(few.images, both, c).to_vector());
  CHECK(once != few.images.to_vector());
  CHECK_THROWS_AS(nn::augment(zeros({3}), both, a), ArgumentError);
}

TEST_CASE("digits that lie: every broken file gets one line that names the place") {
  const std::string good = digits_file();
  CHECK_THROWS_WITH_AS(nn::read_digits(good.substr(0, good.size() / 2)),
                       "optdigits.csv.gz: the gzip data is truncated", FileError);
  std::string corrupt = good;
  corrupt[good.size() / 2] = char(~corrupt[good.size() / 2]);
  CHECK_THROWS_AS(nn::read_digits(corrupt), FileError);
  CHECK_THROWS_AS(nn::read_digits("not gzip"), FileError);
  CHECK_THROWS_AS(nn::read_digits(""), FileError);
  CHECK_THROWS_WITH(nn::gunzip(good, "x", 1000), "x: unpacks to more than 1000 bytes");
  CHECK(nn::gunzip(good + good, "x").size() == 2 * nn::gunzip(good, "x").size());
  CHECK_THROWS_AS(nn::gunzip(good + good.substr(0, 40), "x"), FileError);
}

}  // namespace papilio::test
