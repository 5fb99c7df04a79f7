// Whether pictures that are asked for find room.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nn/diffusion/pipeline.h"
#include "samples/papilio/diffusion/picture_maker.h"

namespace papilio::cli {

// Throws OutOfMemoryError if `count` pictures, at most settings.batch_size of them at a time, do
// not fit beside the weights, which lie on their device already: with what they take, which part
// takes most, and a batch or a size that would fit. Sizes that the pipeline does not make throw as
// make_pictures does.
void check_picture_memory(nn::DiffusionPipeline& pipeline, int64_t count,
                          const PictureSettings& settings);

// The most bytes that making settings.batch_size of them takes at once beside the weights.
size_t picture_bytes(nn::DiffusionPipeline& pipeline, const PictureSettings& settings);

}  // namespace papilio::cli
