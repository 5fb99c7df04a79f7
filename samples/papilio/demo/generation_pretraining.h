// The pipeline that the demonstration of generation begins with.
#pragma once

#include <cstdint>

#include "samples/papilio/demo/generation_plan.h"

namespace papilio::demo {

struct PretrainedPipeline {
  bool whole = true;    // false: a signal came, and nothing is written
  bool cached = false;  // it lay there
  int64_t steps = 0, pictures = 0;
  double seconds = 0;  // of its training
};

// Trains a pipeline on every drawn scene and on the digits but five, and writes it into
// stage.pipeline_folder(), or finds there one of the same settings and pictures.
PretrainedPipeline pretrain_pipeline(const GenerationStage& stage);

}  // namespace papilio::demo
