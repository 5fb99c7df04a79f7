#include "nn/data/dataset.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/splits.h"
#include "tensor/error.h"

namespace papilio::test {

namespace {

// Words with a class each: nothing here knows of pictures.
class Words : public nn::Dataset<std::string> {
 public:
  Words(std::vector<std::string> words, std::vector<int64_t> labels, bool named)
      : nn::Dataset<std::string>({"a", "b", "c"}),
        words_(std::move(words)),
        labels_(std::move(labels)),
        named_(named) {}

  int64_t size() const override { return int64_t(words_.size()); }
  int64_t label(int64_t i) const override { return labels_[size_t(i)]; }
  std::string own_name(int64_t i) const override { return named_ ? "the word " + sample(i) : ""; }
  std::string sample(int64_t i) const override { return words_[size_t(i)]; }

 private:
  std::vector<std::string> words_;
  std::vector<int64_t> labels_;
  bool named_;
};

nn::SharedDataset<std::string> words(bool named = true) {
  return std::make_shared<Words>(std::vector<std::string>{"v", "w", "x", "y"},
                                 std::vector<int64_t>{0, 1, 2, 1}, named);
}

// n words of each class, of names that differ.
nn::SharedDataset<std::string> many(int64_t n) {
  std::vector<std::string> all;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 3 * n; ++i) {
    all.push_back(std::to_string(i));
    labels.push_back(i % 3);
  }
  return std::make_shared<Words>(all, labels, true);
}

std::string text(const nn::SharedDataset<std::string>& data) {
  std::string all;
  for (int64_t i = 0; i < data->size(); ++i)
    all += data->sample(i) + std::to_string(data->label(i)) + ' ';
  return all;
}

}  // namespace

TEST_CASE("data sets: subset, relabelled, with_classes and concatenate, of any kind of sample") {
  const nn::SharedDataset<std::string> data = words();
  CHECK(text(nn::subset(data, {3, 0, 3})) == "y1 v0 y1 ");
  CHECK(text(nn::relabelled(data, {1, -1, 0}, {"p", "q"})) == "v1 x0 ");
  const nn::SharedDataset<std::string> some = nn::with_classes(data, {2, 1});
  CHECK(text(some) == "w1 x0 y1 ");
  CHECK(some->class_names() == std::vector<std::string>{"c", "b"});
  CHECK(some->name(1) == "the word x");
  CHECK(text(nn::concatenate(some, nn::subset(some, {1}))) == "w1 x0 y1 x0 ");
  CHECK(nn::class_counts(*data) == std::vector<int64_t>{1, 2, 1});
  CHECK_THROWS_WITH_AS(nn::subset(data, {4}), "subset: position 4 is out of range for 4 samples",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(nn::relabelled(data, {0}, {"p"}), "relabelled: expected 3 numbers, got 1",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(nn::with_classes(data, {3}),
                       "with_classes: class 3 is out of range for 3 classes", ArgumentError);
  CHECK_THROWS_WITH_AS(nn::concatenate(data, some), "concatenate: expected the same classes",
                       ArgumentError);
}

TEST_CASE("data sets: a sample without a name goes by its number in the data at hand") {
  const nn::SharedDataset<std::string> some = nn::subset(words(false), {2, 3});
  CHECK(some->own_name(1).empty());
  CHECK(some->name(1) == "sample 1");
}

TEST_CASE("splits: held out and fixed parts of any kind of sample keep each sample once") {
  const nn::SharedDataset<std::string> all = many(20);
  for (const nn::Splits<std::string>& splits :
       {nn::hold_out(all, {.validation = 0.1, .test = 0.2}), nn::fixed_splits(all)}) {
    CHECK(nn::class_counts(*splits.train) == std::vector<int64_t>{14, 14, 14});
    CHECK(nn::class_counts(*splits.validation) == std::vector<int64_t>{2, 2, 2});
    CHECK(nn::class_counts(*splits.test) == std::vector<int64_t>{4, 4, 4});
    std::multiset<std::string> seen;
    const nn::SharedDataset<std::string> whole = splits.part("all");
    for (int64_t i = 0; i < whole->size(); ++i) seen.insert(whole->sample(i));
    CHECK(seen.size() == 60);
    CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 60);
  }
  CHECK(text(nn::fixed_splits(nn::with_classes(many(10), {0})).test) == "120 240 ");
  const auto train_only = nn::hold_out(all, {.validation = 0, .test = 0});
  CHECK(train_only.validation == nullptr);
  CHECK(train_only.part("all")->size() == 60);
  CHECK_THROWS_WITH_AS(train_only.part("tests"),
                       "Splits: expected train, validation, test or all, got tests", ArgumentError);
}

TEST_CASE("splits: only what is missing is held out of the training part") {
  const nn::SharedDataset<std::string> all = many(20), own = many(3);
  const nn::HoldOut shares{.validation = 0.1, .test = 0.2};
  const auto tested = nn::hold_out_rest<std::string>({"words", all, nullptr, own}, shares);
  CHECK(tested.kind == "words");
  CHECK(tested.test == own);
  CHECK(tested.validation->size() == 6);
  CHECK(tested.train->size() == 54);
  const auto validated = nn::hold_out_rest<std::string>({"", all, own, nullptr, {"note"}}, shares);
  CHECK(validated.validation == own);
  CHECK(validated.test->size() == 12);
  CHECK(validated.train->size() == 48);
  CHECK(validated.notes == std::vector<std::string>{"note"});
  const auto whole = nn::hold_out_rest<std::string>({"", all, own, own}, {.validation = 1});
  CHECK(text(whole.train) == text(all));
}

}  // namespace papilio::test
