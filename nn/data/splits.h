// The training, validation and test parts of a data set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/dataset.h"

namespace papilio::nn {

// A part that is not there is null.
template <class Sample>
struct Splits {
  std::string kind;  // "digits", "folder", "idx", "cifar-10", ...
  SharedDataset<Sample> train, validation, test;
  std::vector<std::string> notes = {};  // what was left out, one line each

  // The names of the classes, the same in all parts.
  const std::vector<std::string>& class_names() const { return train->class_names(); }

  // "train", "validation", "test" or, of those that are there together, "all". Throws
  // ArgumentError for another name.
  SharedDataset<Sample> part(const std::string& name) const {
    if (name == "train") return train;
    if (name == "validation") return validation;
    if (name == "test") return test;
    check(name == "all", "Splits: expected train, validation, test or all, got ", name);
    SharedDataset<Sample> all = train;
    for (const SharedDataset<Sample>& more : {validation, test}) {
      if (more != nullptr) all = concatenate(all, more);
    }
    return all;
  }

  // f of each part that is there.
  template <class F>
  Splits each(F&& f) const {
    Splits result = *this;
    for (SharedDataset<Sample>* part : {&result.train, &result.validation, &result.test}) {
      if (*part != nullptr) *part = f(*part);
    }
    return result;
  }
};

// The samples of every part whose class is one of `classes`, numbered in their order.
template <class Sample>
Splits<Sample> with_classes(const Splits<Sample>& splits, const std::vector<int64_t>& classes) {
  return splits.each(
      [&](const SharedDataset<Sample>& part) { return with_classes(part, classes); });
}

// Every part with other classes: number[c] is the new label of class c.
template <class Sample>
Splits<Sample> relabelled(const Splits<Sample>& splits, const std::vector<int64_t>& number,
                          const std::vector<std::string>& class_names) {
  return splits.each(
      [&](const SharedDataset<Sample>& part) { return relabelled(part, number, class_names); });
}

// Shares of each class that are held out. Which samples follows from the seed and their names in
// their class alone: a sample that comes or goes moves few others, and none from the training part
// to the test part as long as there are some to validate. A class of three samples or more has at
// least one in each part whose share is not 0, any class one to train.
struct HoldOut {
  double validation = 0.1, test = 0.1;
  uint64_t seed = 0;
};

// Which samples belong to which part.
struct SplitPositions {
  std::vector<int64_t> train, validation, test;
};
// Throws ArgumentError for shares outside [0, 1) or that leave nothing to train on.
SplitPositions hold_out_positions(const LabelledSamples& all, const HoldOut& shares);
// Each class spread evenly in the data's order: of every ten samples of a class seven go to
// training, one to validation and two to test.
SplitPositions fixed_positions(const LabelledSamples& all);

// All three parts out of one. Throws ArgumentError as hold_out_positions does.
template <class Sample>
Splits<Sample> hold_out(const SharedDataset<Sample>& all, const HoldOut& shares) {
  const SplitPositions at = hold_out_positions(*all, shares);
  return {"", subset(all, at.train), shares.validation > 0 ? subset(all, at.validation) : nullptr,
          shares.test > 0 ? subset(all, at.test) : nullptr};
}

// What there is, and each part that is null held out of its training part by its share. Throws
// ArgumentError as hold_out_positions does.
template <class Sample>
Splits<Sample> hold_out_rest(Splits<Sample> splits, HoldOut shares) {
  if (splits.validation != nullptr && splits.test != nullptr) return splits;
  if (splits.validation != nullptr) shares.validation = 0;
  if (splits.test != nullptr) shares.test = 0;
  const Splits<Sample> held = hold_out(splits.train, shares);
  splits.train = held.train;
  if (splits.validation == nullptr) splits.validation = held.validation;
  if (splits.test == nullptr) splits.test = held.test;
  return splits;
}

// The parts at fixed_positions.
template <class Sample>
Splits<Sample> fixed_splits(const SharedDataset<Sample>& all) {
  const SplitPositions at = fixed_positions(*all);
  return {"", subset(all, at.train), subset(all, at.validation), subset(all, at.test)};
}

}  // namespace papilio::nn
