// Batches of pictures, each read and transformed when its batch is made.
#pragma once

#include "nn/data/batch_source.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/data/transforms/mixup.h"
#include "nn/data/transforms/random_affine.h"

namespace papilio::nn {

// What an image that cannot be read does: end the work with a FileError, or stay out of its batch,
// which says so in `skipped`.
enum class OnCorrupt { fail, skip };

// What training does with pictures.
struct ImageBatchOptions {
  TrainTransform transform = {};  // of each picture on its own
  RandomAffine affine = {};       // of what the transform made
  Mixup mixup = {};               // of the batch, at last
  OnCorrupt on_corrupt = OnCorrupt::fail;
  bool scaled_decoding = false;  // ScaledDecoding, as small as the transform allows
};
// Throws ArgumentError for a processor that makes no sense.
Batches batches_of(ImageData data, const ImageBatchOptions& options);
// Batches without random changes, as a model is evaluated.
Batches plain_batches(ImageData data, const ImageProcessor& processor,
                      OnCorrupt on_corrupt = OnCorrupt::fail);

}  // namespace papilio::nn
