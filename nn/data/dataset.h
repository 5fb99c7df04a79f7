// Labelled samples of any kind, and the ways of choosing among them: a source of pictures, text or
// numbers says how one sample is read, and everything here works on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"

namespace papilio::nn {

// What data sets have in common, whatever their samples are.
class LabelledSamples {
 public:
  virtual ~LabelledSamples() = default;

  // The number of samples.
  virtual int64_t size() const = 0;
  // An index into class_names(), of sample i of 0 <= i < size().
  virtual int64_t label(int64_t i) const = 0;
  // A file's path, or "train-images-idx3-ubyte.gz, image 7"; empty if samples have no name.
  virtual std::string own_name(int64_t i) const = 0;
  // The files that the sample is read from, for an archive's member the archive; none of those that
  // come from no file.
  virtual std::vector<std::filesystem::path> files(int64_t) const { return {}; }
  // What one without a name is called, before its number: "image".
  virtual const char* kind() const { return "sample"; }
  // What people call the sample: its own name, else its number in these data.
  std::string name(int64_t i) const;
  const std::vector<std::string>& class_names() const { return class_names_; }

 protected:
  explicit LabelledSamples(std::vector<std::string> class_names)
      : class_names_(std::move(class_names)) {}

 private:
  std::vector<std::string> class_names_;
};

// Samples of one type, by number.
template <class Sample>
class Dataset : public LabelledSamples {
 public:
  // Several threads may call it at a time. Throws FileError, beginning with name(i), if the sample
  // is corrupt.
  virtual Sample sample(int64_t i) const = 0;

 protected:
  using LabelledSamples::LabelledSamples;
};
// A data set that views and loaders share.
template <class Sample>
using SharedDataset = std::shared_ptr<const Dataset<Sample>>;

// A sample of one of several data sets, under a label of its own.
struct Place {
  uint32_t source;
  int64_t position, label;
};

// Samples of other data sets.
template <class Sample>
class DatasetView : public Dataset<Sample> {
 public:
  DatasetView(std::vector<SharedDataset<Sample>> sources, std::vector<Place> places,
              std::vector<std::string> class_names)
      : Dataset<Sample>(std::move(class_names)),
        sources_(std::move(sources)),
        places_(std::move(places)) {}

  int64_t size() const override { return int64_t(places_.size()); }
  int64_t label(int64_t i) const override { return at(i).label; }
  std::string own_name(int64_t i) const override { return source(i).own_name(at(i).position); }
  std::vector<std::filesystem::path> files(int64_t i) const override {
    return source(i).files(at(i).position);
  }
  const char* kind() const override { return sources_.front()->kind(); }
  Sample sample(int64_t i) const override { return source(i).sample(at(i).position); }

 private:
  const Place& at(int64_t i) const { return places_[size_t(i)]; }
  const Dataset<Sample>& source(int64_t i) const { return *sources_[at(i).source]; }

  std::vector<SharedDataset<Sample>> sources_;
  std::vector<Place> places_;
};

// The places behind the functions below.
std::vector<Place> places_at(const LabelledSamples& data, const std::vector<int64_t>& positions);
std::vector<Place> places_relabelled(const LabelledSamples& data,
                                     const std::vector<int64_t>& number);
std::vector<Place> places_of_both(const LabelledSamples& first, const LabelledSamples& second);

// The samples at the given positions. Throws ArgumentError for one that is not there.
template <class Sample>
SharedDataset<Sample> subset(const SharedDataset<Sample>& data,
                             const std::vector<int64_t>& positions) {
  return std::make_shared<DatasetView<Sample>>(std::vector{data}, places_at(*data, positions),
                                               data->class_names());
}

// The samples of each class c with number[c] >= 0, which becomes their label among `class_names`.
template <class Sample>
SharedDataset<Sample> relabelled(const SharedDataset<Sample>& data,
                                 const std::vector<int64_t>& number,
                                 std::vector<std::string> class_names) {
  return std::make_shared<DatasetView<Sample>>(std::vector{data}, places_relabelled(*data, number),
                                               std::move(class_names));
}

// Some of the classes, numbered 0, 1, ... in the order given.
struct ChosenClasses {
  std::vector<std::string> names;
  std::vector<int64_t> number;  // the new number of each class of before, -1 of those left out
};
// Throws ArgumentError for a class that is not there.
ChosenClasses choose_classes(const std::vector<std::string>& names,
                             const std::vector<int64_t>& classes);

// The samples of the given classes, relabelled 0, 1, ... in the order given.
template <class Sample>
SharedDataset<Sample> with_classes(const SharedDataset<Sample>& data,
                                   const std::vector<int64_t>& classes) {
  ChosenClasses chosen = choose_classes(data->class_names(), classes);
  return relabelled(data, chosen.number, std::move(chosen.names));
}

// All of both, which have the same classes.
template <class Sample>
SharedDataset<Sample> concatenate(const SharedDataset<Sample>& first,
                                  const SharedDataset<Sample>& second) {
  return std::make_shared<DatasetView<Sample>>(
      std::vector{first, second}, places_of_both(*first, *second), first->class_names());
}

// Samples of each class.
std::vector<int64_t> class_counts(const LabelledSamples& data);

}  // namespace papilio::nn
