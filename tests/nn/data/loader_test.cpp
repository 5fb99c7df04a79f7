#include "nn/data/loader.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "autograd/ops.h"
#include "nn/data/image_batches.h"
#include "nn/layers/linear.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/fit.h"
#include "tensor/creation.h"
#include "tests/nn/digits.h"
#include "tests/no_more_threads.h"

namespace papilio::test {

namespace {

using Labels = std::vector<int64_t>;

// n pictures of 12x10 pixels in three classes.
nn::ImageData pictures(int64_t n) {
  std::vector<uint8_t> pixels;
  Labels labels;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < 360; ++k) pixels.push_back(uint8_t(i * 31 + k * 7));
    labels.push_back(i % 3);
  }
  return nn::images_in_memory({.height = 12,
                               .width = 10,
                               .channels = 3,
                               .pixels = std::move(pixels),
                               .labels = labels,
                               .class_names = {"a", "b", "c"},
                               .name = "m"});
}

nn::ImageBatchOptions augmented() {
  return {.transform = {.processor = nn::image_processor_for(8, 8, 3),
                        .crop = nn::TrainTransform::Crop::resized,
                        .hflip = 0.5,
                        .rand_augment = {},
                        .random_erasing = {.p = 0.3, .noise = true}},
          .mixup = {.mixup_alpha = 0.8, .cutmix_alpha = 1}};
}

struct Seen {
  std::vector<float> images, targets;
  Labels labels;
  bool operator==(const Seen&) const = default;
};

Seen take(nn::Loader& loader) {
  const nn::Batch batch = loader.next();
  return {batch.inputs.to_vector(), batch.target().to_vector<float>(),
          batch.labels.to_vector<int64_t>()};
}

std::vector<Seen> take(nn::Loader& loader, int count) {
  std::vector<Seen> seen;
  seen.reserve(size_t(count));
  for (int i = 0; i < count; ++i) seen.push_back(take(loader));
  return seen;
}

// Samples whose number is their label; takes its time, and fails if asked.
class SlowSource : public nn::ClassifiedSource {
 public:
  explicit SlowSource(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  const std::vector<std::string>& class_names() const override { return names_; }
  Labels labels() const override { return Labels(size_t(size_), 0); }
  std::string name(int64_t) const override { return ""; }
  nn::Batch batch(const Labels& positions, Generator& generator) const override {
    ++calls;
    std::this_thread::sleep_for(std::chrono::microseconds(generator.seed() % 700));
    if (positions[0] == fail_at) throw FileError("batch of 6 is broken");
    return {zeros({int64_t(positions.size()), 1, 1, 1}), tensor<int64_t>(positions), {}, {}};
  }
  mutable std::atomic<int> calls = 0;
  int64_t fail_at = -1;

 private:
  int64_t size_;
  std::vector<std::string> names_{"a"};
};

}  // namespace

TEST_CASE("loader: the same batches for 0, 1, 2 and 5 workers, to the bit") {
  for (const nn::Batches& source :
       {nn::batches_of(pictures(25), augmented()),
        nn::batches_of(nn::subset(digits(), Labels{0, 5, 9, 11, 30, 31, 32, 40}),
                       {.transform = {.processor = nn::digits_processor()},
                       .affine = {.shift_pixels = 1, .rotation_degrees = 10},
                       .mixup = {.mixup_alpha = 0.4}})}) {
    nn::Loader alone(source, {.batch_size = 4, .seed = 7});
    const std::vector<Seen> want = take(alone, 20);
    CHECK(want[0].images != want[1].images);
    for (int64_t workers : {1, 2, 5}) {
      for (int64_t prefetch : {1, 3}) {
        nn::Loader loader(source,
                          {.batch_size = 4, .seed = 7, .workers = workers, .prefetch = prefetch});
        CHECK(take(loader, 20) == want);
        CHECK(loader.epoch() == alone.epoch());
        CHECK(loader.position() == alone.position());
      }
    }
    nn::Loader other(source, {.batch_size = 4, .seed = 8, .workers = 2});
    CHECK(take(other, 20) != want);
  }
}

TEST_CASE("loader: the place is what was given, not what was prepared; it can be saved") {
  const nn::Batches source = nn::batches_of(pictures(25), augmented());
  const nn::Loader::Options options{.batch_size = 4, .seed = 3, .workers = 3};
  nn::Loader whole(source, options);
  const std::vector<Seen> want = take(whole, 30);
  for (int stop : {0, 1, 6, 7, 8, 13, 14, 20}) {  // 7 batches an epoch
    CAPTURE(stop);
    nn::Loader first(source, options);
    take(first, stop);
    const nn::LoaderState state = first.state();
    CHECK(state.epoch * 7 + state.position == stop);
    nn::Loader second(source, {.batch_size = 4, .seed = 3, .workers = stop % 2});
    take(second, 2);  // it was elsewhere
    second.set_state(state);
    CHECK(second.state() == state);
    CHECK(take(second, 30 - stop) == std::vector<Seen>(want.begin() + stop, want.end()));
    CHECK(take(first, 30 - stop) == std::vector<Seen>(want.begin() + stop, want.end()));
  }
  whole.seek(1, 0);
  CHECK(whole.epoch() == 1);
  CHECK(whole.position() == 0);
  CHECK(take(whole) == want[7]);
  whole.seek(0, 7);
  CHECK(take(whole) == want[7]);
  CHECK(whole.epoch() == 1);
}

TEST_CASE("loader: another run's state is refused") {
  nn::Loader loader(nn::batches_of(pictures(25), augmented()), {.batch_size = 4, .seed = 3});
  CHECK_THROWS_WITH_AS(
      loader.set_state({0, 1, 4, 4, 25}),
      "Loader: expected the state of a loader with seed 3, batch size 4 and 25 samples, got 4, 4 "
      "and 25",
      ArgumentError);
  CHECK_THROWS_AS(loader.set_state({0, 1, 3, 5, 25}), ArgumentError);
  CHECK_THROWS_AS(loader.set_state({0, 1, 3, 4, 24}), ArgumentError);
  CHECK_THROWS_WITH_AS(loader.set_state({0, 8, 3, 4, 25, loader.state().data}),
                       "Loader: no batch 8 in epoch 0", ArgumentError);
  CHECK_THROWS_AS(loader.seek(-1, 0), ArgumentError);
  const nn::Batches none = nn::batches_of(nn::subset(pictures(3), {}), augmented());
  CHECK_THROWS_WITH_AS(nn::Loader(none, {}), "Loader: the data set is empty", ArgumentError);
  const nn::Batches some = nn::batches_of(pictures(3), augmented());
  CHECK_THROWS_AS(nn::Loader(some, {.batch_size = 0}), ArgumentError);
  CHECK_THROWS_AS(nn::Loader(some, {.workers = -1}), ArgumentError);
  CHECK_THROWS_AS(nn::Loader(some, {.prefetch = 0}), ArgumentError);
}

TEST_CASE("loader: every sample once an epoch, in the data's order without shuffling") {
  const auto source = std::make_shared<SlowSource>(23);
  nn::Loader loader(source, {.batch_size = 5, .workers = 4});
  std::multiset<int64_t> seen;
  Labels order;
  for (int i = 0; i < 10; ++i) {
    for (int64_t label : take(loader).labels) {
      seen.insert(label);
      order.push_back(label);
    }
  }
  for (int64_t i = 0; i < 23; ++i) CHECK(seen.count(i) == 2);
  CHECK(Labels(order.begin(), order.begin() + 23) != Labels(order.begin() + 23, order.end()));
  nn::Loader straight(source, {.batch_size = 5, .workers = 4, .shuffle = false});
  for (int64_t i = 0; i < 23; i += 5) CHECK(take(straight).labels[0] == i);
}

TEST_CASE("loader: on_batch is called once for each batch that is given, whoever made it") {
  for (const int64_t workers : {0, 2}) {
    int called = 0;
    nn::Loader loader(std::make_shared<SlowSource>(23),
                      {.batch_size = 5, .workers = workers, .on_batch = [&called] { ++called; }});
    for (int given = 1; given <= 7; ++given) {
      take(loader);
      CHECK(called == given);
    }
    loader.seek(0, 3);
    CHECK(called == 7);
  }
}

TEST_CASE("loader: no more is prepared than asked; leaving and seeking drop what is under way") {
  const auto source = std::make_shared<SlowSource>(1000);
  {
    nn::Loader loader(source, {.batch_size = 1, .workers = 2, .prefetch = 3});
    take(loader, 4);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(source->calls <= 4 + 6);
  }
  nn::Loader loader(source, {.batch_size = 1, .workers = 3, .shuffle = false});
  for (int64_t i = 0; i < 100; ++i) {
    loader.seek(i % 3, i * 7);
    CHECK(take(loader).labels[0] == i * 7);
  }
}

TEST_CASE("loader: an error comes at its batch, each time, and seeking leads past it") {
  for (int64_t workers : {0, 3}) {
    const auto source = std::make_shared<SlowSource>(20);
    source->fail_at = 6;
    nn::Loader loader(source, {.batch_size = 2, .workers = workers, .shuffle = false});
    take(loader, 3);
    for (int i = 0; i < 2; ++i)
      CHECK_THROWS_WITH_AS(loader.next(), "batch of 6 is broken", FileError);
    CHECK(loader.position() == 3);
    loader.seek(0, 4);
    CHECK(take(loader).labels == Labels{8, 9});
  }
}

TEST_CASE("loader: the workers that the system gives do the work; none at all is an error") {
  const auto source = std::make_shared<SlowSource>(20);
  nn::Loader loader(source, {.batch_size = 2, .workers = 2, .shuffle = false});
  {
    const NoMoreThreads none;
    CHECK_THROWS_WITH_AS(loader.next(),
                         "Loader: the system starts no thread: Resource temporarily unavailable",
                         Error);
  }
  CHECK(take(loader).labels == Labels{0, 1});
}

TEST_CASE("loader: an image of another size, where nothing resizes it, is named") {
  nn::ImageBatchOptions options{.transform = {.processor = nn::image_processor_for(8, 8, 3)}};
  options.transform.processor.do_resize = false;
  nn::Loader loader(nn::batches_of(pictures(3), options), {.shuffle = false});
  CHECK_THROWS_WITH_AS(loader.next(),
                       "m, image 0: ImageProcessor: expected images of 8x8 pixels, got 12x10",
                       FileError);
}

TEST_CASE("loader: with a number of epochs nothing is prepared beyond them") {
  for (const int64_t workers : {0, 2}) {
    const auto source = std::make_shared<SlowSource>(6);
    nn::Loader loader(source, {.batch_size = 2, .workers = workers, .epochs = 1});
    for (int round = 1; round <= 3; ++round) {
      loader.seek(0, 0);
      take(loader, 3);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      CHECK(source->calls == 3 * round);
      CHECK_THROWS_WITH_AS(loader.next(), "Loader: its 1 epoch is over", ArgumentError);
    }
  }
}

TEST_CASE("loader: the state of one data set is not taken for another's") {
  const nn::Loader::Options options{.batch_size = 4, .seed = 3};
  nn::Loader loader(nn::batches_of(pictures(9), augmented()), options);
  const nn::LoaderState state = loader.state();
  nn::Loader same(nn::batches_of(pictures(9), augmented()), options);
  same.set_state(state);
  // The labels of two classes exchanged.
  nn::Loader swapped(
      nn::batches_of(nn::relabelled(pictures(9), {1, 0, 2}, {"a", "b", "c"}), augmented()),
      options);
  nn::Loader renamed(
      nn::batches_of(nn::relabelled(pictures(9), {0, 1, 2}, {"a", "z", "c"}), augmented()),
      options);
  for (nn::Loader* other : {&swapped, &renamed}) {
    CHECK_THROWS_WITH_AS(
        other->set_state(state),
        "Loader: expected the state of a loader of the same samples: other names or labels",
        ArgumentError);
  }
}

namespace {

// Every batch whose first sample is in `empty` comes without images.
class HoleySource : public SlowSource {
 public:
  HoleySource(int64_t size, std::set<int64_t> empty) : SlowSource(size), empty_(std::move(empty)) {}
  nn::Batch batch(const Labels& positions, Generator& generator) const override {
    if (!empty_.contains(positions[0])) return SlowSource::batch(positions, generator);
    return {zeros({0, 1, 1, 1}), tensor<int64_t>(Labels()), {}, {str("no ", positions[0])}};
  }

 private:
  std::set<int64_t> empty_;
};

}  // namespace

TEST_CASE(
    "batches whose images are all skipped: steps and epochs stay together, none counts twice") {
  for (const int64_t workers : {0, 2}) {
    const auto source = std::make_shared<HoleySource>(10, std::set<int64_t>{3, 9});
    nn::Linear model(1, 10);
    const nn::Forward forward = [&](const Tensor& x) {
      return model(x.alias(Layout::contiguous({x.size(0), 1})));
    };
    nn::Loader loader(source, {.batch_size = 1, .seed = 2, .workers = workers});
    nn::Sgd optimizer(nn::parameter_groups(model, {}), {.lr = 0.1});
    int64_t images = 0, skipped = 0;
    nn::fit(model, forward, loader, optimizer,
            {.steps = 50, .on_step = [&](const nn::StepReport& r) {
               CHECK(loader.epoch() == (r.step - 1) / 10);
               CHECK(loader.position() == (r.step - 1) % 10 + 1);
               CHECK(std::isnan(r.loss) == (r.samples == 0));
               images += r.samples;
               skipped += int64_t(r.skipped.size());
               return true;
             }});
    CHECK(images == 40);
    CHECK(skipped == 10);
    CHECK(optimizer.steps() == 40);

    nn::Loader once(source, {.batch_size = 1, .workers = workers, .epochs = 1, .shuffle = false});
    for (int round = 0; round < 2; ++round) {
      const nn::Evaluation result = nn::evaluate(model, forward, once);
      CHECK(result.skipped == std::vector<std::string>{"no 3", "no 9"});
      CHECK(result.labels == Labels{0, 1, 2, 4, 5, 6, 7, 8});
    }
    const auto nothing = std::make_shared<HoleySource>(3, std::set<int64_t>{0, 1, 2});
    nn::Loader hopeless(nothing, {.batch_size = 1, .workers = workers, .shuffle = false});
    CHECK_THROWS_WITH_AS(nn::fit(model, forward, hopeless, optimizer, {.steps = 50}),
                         "fit: no sample of the data set can be read; the last: no 2", FileError);
    CHECK_THROWS_WITH_AS(nn::evaluate(model, forward, hopeless),
                         "evaluate: no sample can be read; the last: no 2", FileError);
  }
}

}  // namespace papilio::test
