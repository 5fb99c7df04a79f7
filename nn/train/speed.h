// How fast training is, beside what the machine can do.
#pragma once

#include <cstdint>

#include "nn/models/image_classifier.h"

namespace papilio::nn {

// Floating-point operations (a multiply-add is two) of one image's way through the model, in its
// matrix products: 2 T (4 D^2 + 2 D I) + 4 T^2 D a layer, and the stem; of an image of height x
// width pixels, whatever size the model was made for.
double forward_operations(const ImageClassifier::Shape& shape, int64_t height, int64_t width);

// A training step takes three times as many, or two if next to nothing trains: a frozen weight
// needs no gradient of its own.
double training_operations(ImageClassifier& model, int64_t height, int64_t width);

// Operations a second of the CPU's matrix products in that dtype, measured for about a tenth of a
// second.
double measured_peak(DType dtype = DType::float32);

}  // namespace papilio::nn
