// The table of a model's modules, with what each costs.
#pragma once

#include <map>
#include <string>

#include "nn/models/image_classifier.h"

namespace papilio::nn {

// Multiply-adds (MACs) of one image of the model's own size in the matrix products of each module,
// by path: T x weights of a Linear in the layers, positions x weights of a Conv2d, 2 T^2 D of
// attention between its projections. Modules without products are missing.
std::map<std::string, double> multiply_adds(ImageClassifier& model);

// summary(Module&) (nn/module.h) with a column of multiply-adds.
std::string summary(ImageClassifier& model);

}  // namespace papilio::nn
