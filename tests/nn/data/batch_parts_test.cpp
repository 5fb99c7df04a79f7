// Parts of batches, as several processes load them: joined they are the batches of one.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/data/image_batches.h"
#include "nn/data/loader.h"
#include "nn/data/text_batches.h"
#include "tensor/creation.h"
#include "tests/nn/digits.h"

namespace papilio::test {

namespace {

struct Joined {
  std::vector<float> inputs, targets;
  std::vector<int64_t> labels, positions;
  int64_t weight = 0;
  bool operator==(const Joined&) const = default;

  void add(const nn::Batch& batch) {
    if (batch.size() == 0) return;
    const auto append = [](auto& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(inputs, batch.inputs.to_vector<float>());
    append(labels, batch.labels.to_vector<int64_t>());
    append(positions, batch.positions);
    if (batch.targets.defined()) append(targets, batch.targets.to_vector<float>());
    weight += batch.weight();
  }
};

// Five batches; `count` loaders make a part each, or one makes all.
void check_parts(const nn::Batches& source, int64_t batch_size) {
  constexpr int kBatches = 5;
  nn::Loader whole(source, {.batch_size = batch_size, .seed = 7});
  std::vector<Joined> want(kBatches);
  for (Joined& joined : want) joined.add(whole.next_or_empty());
  for (const int64_t count : {1, 2, 3, 7}) {
    std::vector<Joined> one_each(kBatches), all_in_one(kBatches);
    for (int64_t p = 0; p < count; ++p) {
      nn::Loader loader(
          source,
          {.batch_size = batch_size, .seed = 7, .workers = p % 2, .parts = {count, p, p + 1}});
      for (Joined& joined : one_each) {
        const std::vector<nn::Batch> parts = loader.next_parts();
        REQUIRE(parts.size() == 1);
        CHECK(parts[0].rows.first == parts[0].rows.of * p / count);
        joined.add(parts[0]);
      }
      CHECK(loader.position() == whole.position());
    }
    nn::Loader loader(source, {.batch_size = batch_size, .seed = 7, .parts = {count, 0, count}});
    for (Joined& joined : all_in_one) {
      for (const nn::Batch& part : loader.next_parts()) joined.add(part);
    }
    CHECK(one_each == want);
    CHECK(all_in_one == want);
  }
}

// Texts of 3, 4, ... tokens; of every other one the second is given.
class Texts : public nn::Dataset<nn::TokenSequence> {
 public:
  Texts() : Dataset({"text"}) {}
  int64_t size() const override { return 11; }
  int64_t label(int64_t) const override { return 0; }
  std::string own_name(int64_t) const override { return ""; }
  nn::TokenSequence sample(int64_t i) const override {
    nn::TokenSequence s;
    for (int64_t k = 0; k < 3 + i; ++k) s.ids.push_back(10 * i + k);
    s.counted = 1 + i % 2;
    return s;
  }
};

nn::ImageData some_digits() {
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < 26; ++i) chosen.push_back(i * 7);
  return nn::subset(digits(), chosen);
}

}  // namespace

TEST_CASE("loader: parts of batches of pictures are those of whole batches, to the bit") {
  const nn::TrainTransform transform{.processor = nn::digits_processor(), .hflip = 0.5};
  check_parts(nn::batches_of(some_digits(), {.transform = transform}), 8);
  check_parts(nn::batches_of(some_digits(), {.transform = transform, .mixup = {.mixup_alpha = 1}}),
              8);
  check_parts(nn::batches_of(some_digits(), {.transform = transform, .mixup = {.cutmix_alpha = 1}}),
              5);
  const nn::RandomAffine affine{.shift_pixels = 1, .rotation_degrees = 9};
  check_parts(nn::batches_of(some_digits(), {.transform = transform, .affine = affine}), 8);
  check_parts(nn::batches_of(some_digits(), {.transform = transform,
                                             .affine = affine,
                                             .mixup = {.mixup_alpha = 1, .cutmix_alpha = 1}}),
              8);
}

TEST_CASE(
    "loader: parts of batches of text are as long as the whole batch, and weigh their tokens") {
  check_parts(nn::text_batches(std::make_shared<Texts>(), 0), 4);
}

TEST_CASE("loader: parts that are none are refused") {
  const nn::Batches source =
      nn::batches_of(some_digits(), {.transform = {.processor = nn::digits_processor()}});
  CHECK_THROWS_WITH_AS(nn::Loader(source, {.parts = {2, 1, 3}}),
                       "Loader: expected parts within 0 to 2, got 1 to 3", ArgumentError);
  nn::Loader parts(source, {.parts = {2, 1, 2}});
  CHECK_THROWS_WITH_AS(parts.next(), "Loader: it makes parts of batches: next_parts gives them",
                       ArgumentError);
}

}  // namespace papilio::test
