// The confusion matrix: which classes are taken for which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace papilio::report {

struct ConfusionChart {
  std::string title = {};
  std::vector<std::string> names = {};
  std::vector<std::vector<int64_t>> counts = {};  // [true class][predicted class]
};

// Rows are true classes, columns predicted ones; names up to kMostNamed classes, numbers beyond.
std::string render(const ConfusionChart& chart);

constexpr size_t kMostNamed = 40;

// How many neighbouring classes share a row and a column of that chart: 1 up to 160 classes.
size_t classes_a_cell(size_t classes);

}  // namespace papilio::report
