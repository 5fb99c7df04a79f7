#include "nn/data/sources/digits.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "nn/data/formats/detail/gzip.h"
#include "nn/data/loader.h"
#include "tensor/error.h"
#include "tests/nn/digits.h"

namespace papilio::test {

TEST_CASE("digits: 1,797 images of ten classes, the file's pixels 0..16 as v / 8 - 1 to the bit") {
  const nn::Batch& data = digit_batch();
  CHECK(data.inputs.shape() == Dims{1797, 1, 8, 8});
  CHECK(nn::class_counts(*digits())[0] == 178);
  CHECK(nn::class_counts(*digits())[9] == 180);
  std::istringstream lines(nn::gunzip(digits_file(), "digits"));
  const std::vector<float> pixels = data.inputs.to_vector();
  const std::vector<int64_t> labels = data.labels.to_vector<int64_t>();
  size_t at = 0, row = 0;
  std::string line, field;
  bool same = true;
  std::set<float> values;
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    for (int k = 0; k < 64 && std::getline(fields, field, ','); ++k) {
      values.insert(pixels.at(at));
      same = same && pixels.at(at++) == std::stof(field) / 8 - 1;
    }
    std::getline(fields, field);
    same = same && labels.at(row++) == std::stol(field);
  }
  CHECK(same);
  CHECK(row == 1797);
  CHECK(values.size() == 17);
}

TEST_CASE("splits: parts do not overlap, keep every image, and hold every class alike") {
  const nn::ImageSplits splits = nn::digits_splits(digits_file());
  CHECK(splits.kind == "digits");
  CHECK(splits.train->size() + splits.validation->size() + splits.test->size() == 1797);
  CHECK(splits.part("all")->size() == 1797);
  CHECK_THROWS_WITH_AS(splits.part("tests"),
                       "Splits: expected train, validation, test or all, got tests", ArgumentError);
  CHECK(splits.test->size() > 350);
  const std::vector<int64_t> counts = nn::class_counts(*splits.test);
  for (int64_t count : counts) CHECK((count >= 34 && count <= 37));
  const nn::ImageSplits some = nn::with_classes(splits, {7, 5});
  CHECK(some.class_names() == std::vector<std::string>{"7", "5"});
  CHECK(some.test->size() == counts[7] + counts[5]);
}

TEST_CASE("a loader of digits has the digest that 0.1.0 wrote into checkpoints") {
  const nn::ImageSplits some = nn::with_classes(nn::digits_splits(digits_file()), {5, 6});
  nn::Loader loader(digit_batches(some.train), {.batch_size = 4});
  CHECK(loader.state().data == 0xbbe429ec9fb0a0aau);
  CHECK(loader.source().name(7) == "image 7");
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
