// The handwritten digits inside the program.
#pragma once

#include "nn/data/sources/digits.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/sources/image_sources.h"

namespace papilio::cli {

// What --data calls them.
inline constexpr const char* kDigits = "digits";

// All of them, in the file's order.
nn::ImageData all_digits();

// The digits as a source, which opens kDigits.
const nn::ImageSource& digits_source();

}  // namespace papilio::cli
