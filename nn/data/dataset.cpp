#include "nn/data/dataset.h"

#include <cstddef>

namespace papilio::nn {

std::string LabelledSamples::name(int64_t i) const {
  const std::string own = own_name(i);
  return own.empty() ? str(kind(), " ", i) : own;
}

std::vector<Place> places_at(const LabelledSamples& data, const std::vector<int64_t>& positions) {
  std::vector<Place> places;
  for (int64_t i : positions) {
    check(i >= 0 && i < data.size(), "subset: position ", i, " is out of range for ", data.size(),
          " samples");
    places.push_back({0, i, data.label(i)});
  }
  return places;
}

std::vector<Place> places_relabelled(const LabelledSamples& data,
                                     const std::vector<int64_t>& number) {
  check(number.size() == data.class_names().size(), "relabelled: expected ",
        data.class_names().size(), " numbers, got ", number.size());
  std::vector<Place> places;
  for (int64_t i = 0; i < data.size(); ++i) {
    const int64_t label = number[size_t(data.label(i))];
    if (label >= 0) places.push_back({0, i, label});
  }
  return places;
}

std::vector<Place> places_of_both(const LabelledSamples& first, const LabelledSamples& second) {
  check(first.class_names() == second.class_names(), "concatenate: expected the same classes");
  std::vector<Place> places;
  for (int64_t i = 0; i < first.size(); ++i) places.push_back({0, i, first.label(i)});
  for (int64_t i = 0; i < second.size(); ++i) places.push_back({1, i, second.label(i)});
  return places;
}

ChosenClasses choose_classes(const std::vector<std::string>& names,
                             const std::vector<int64_t>& classes) {
  ChosenClasses chosen{{}, std::vector<int64_t>(names.size(), -1)};
  for (int64_t c : classes) {
    check(c >= 0 && c < int64_t(names.size()), "with_classes: class ", c, " is out of range for ",
          names.size(), " classes");
    chosen.number[size_t(c)] = int64_t(chosen.names.size());
    chosen.names.push_back(names[size_t(c)]);
  }
  return chosen;
}

std::vector<int64_t> class_counts(const LabelledSamples& data) {
  std::vector<int64_t> counts(data.class_names().size(), 0);
  for (int64_t i = 0; i < data.size(); ++i) ++counts[size_t(data.label(i))];
  return counts;
}

}  // namespace papilio::nn
