// The handwritten digits that come with the project (samples/data): 8x8 pixels, ten classes.
#pragma once

#include <string>
#include <string_view>

#include "nn/data/sources/dataset.h"

namespace papilio::nn {

// Reads optdigits' CSV, gzip-compressed: 64 pixels 0..16 and the label on each line. Images become
// (N, 1, 8, 8) in
// [-1, 1]. Throws FileError, with the line, for anything else. `name` stands in messages.
Dataset read_digits(std::string_view gzip, const std::string& name = "optdigits.csv.gz");

// Fixed parts of a data set, each class spread evenly over them in the file's order: of every ten
// samples of a class seven go to training, one to validation and two to test.
struct Splits {
  Dataset train, validation, test;
};
Splits fixed_splits(const Dataset& data);

}  // namespace papilio::nn
