// What a diffusion pipeline's run is to a plan of its memory.
#pragma once

#include <cstdint>

#include "nn/diffusion/pipeline.h"
#include "nn/train/fit.h"
#include "nn/train/memory_plan.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/run/memory.h"

namespace papilio::cli {

// Everything that is trainable in `model`, which outlives the question, trains by `loss`.
MemoryQuestion memory_question(nn::Module& model, const nn::DiffusionPipeline& pipeline,
                               const nn::Loss& loss, const nn::PlannedPictures& pictures,
                               int64_t workers, const TrainingSettings& settings);

}  // namespace papilio::cli
