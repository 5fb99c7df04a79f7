// A model as the data want it.
#pragma once

#include "nn/data/transforms/image_processor.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/options/model_options.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

// Settles what follows from the data: labels, channels, image and patch size, which run.toml keeps.
// Returns what makes the model's images. Throws ArgumentError for a model that cannot be.
nn::ImageProcessor fit_model_to_data(Options& options, ModelSettings& settings, const Data& data);

}  // namespace papilio::cli
