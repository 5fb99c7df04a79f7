// Recall, precision and F1 of each class.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace papilio::report {

// How one class fared; NaN if a figure's divisor is zero.
struct ClassRow {
  std::string name = {};
  int64_t images = 0;     // of this class
  int64_t predicted = 0;  // taken for this class
  int64_t right = 0;      // both

  double recall() const;     // right / images
  double precision() const;  // right / predicted
  double f1() const;         // harmonic mean of the two
};

// One row for each class of a confusion matrix ([true][predicted]).

std::vector<ClassRow> class_rows(const std::vector<std::vector<int64_t>>& confusion,
                                 const std::vector<std::string>& names);

}  // namespace papilio::report
