// The handwritten digits that come with the project (samples/data): 8x8 pixels, ten classes.
#pragma once

#include <string>
#include <string_view>

#include "nn/data/sources/image_dataset.h"
#include "nn/data/transforms/image_processor.h"

namespace papilio::nn {

// Reads optdigits' CSV, gzip-compressed: 64 pixels 0..16 and the label on each line. The pictures
// have 8x8 pixels of 15 times the file's values, and no names. Throws FileError, with the line, for
// anything else. `name` stands in messages.
ImageData read_digits(std::string_view gzip, const std::string& name = "optdigits.csv.gz");

// The digits as a model takes them: v / 8 - 1 of the file's values, (1, 8, 8) in [-1, 1].
ImageProcessor digits_processor();

// The digits in the parts that every result of this project is measured on (fixed_splits).
ImageSplits digits_splits(std::string_view gzip, const std::string& name = "optdigits.csv.gz");

}  // namespace papilio::nn
