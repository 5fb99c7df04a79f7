// The random changes of training images.
#pragma once

#include "nn/data/image_batches.h"
#include "nn/data/transforms/image_processor.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/options/augmentation_options.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

// Decides what depends on the data.
void fit_augmentation_to_data(Options& options, AugmentSettings& settings, const Data& data);

// The transform before images that the processor makes, and the changes of whole batches.
nn::ImageBatchOptions training_options(const AugmentSettings& settings,
                                       const nn::ImageProcessor& processor,
                                       nn::OnCorrupt on_corrupt);

}  // namespace papilio::cli
