// What a run on images is to a plan of its memory.
#pragma once

#include <cstdint>

#include "nn/models/image_classifier.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/run/memory.h"

namespace papilio::cli {

struct ImagesInMemory {
  Dims shape;  // (C, H, W)
  bool validates = true;
  int64_t workers = 0;
  bool resizable = false;  // --image-size may be another
};
// The model outlives the question, which may make it take images of any size.
MemoryQuestion memory_question(nn::ImageClassifier& model, const ImagesInMemory& images,
                               const TrainingSettings& settings);

}  // namespace papilio::cli
