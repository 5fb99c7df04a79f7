// Pictures of prompts, batch by batch, with a line of progress.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/diffusion/pipeline.h"

namespace papilio::cli {

// One picture that was asked for.
struct WantedPicture {
  std::string prompt;
  uint64_t seed;
};

// How all of them are made.
struct PictureSettings {
  std::string negative_prompt = {};
  int64_t steps = 50, height = 0, width = 0, batch_size = 1;  // sides of 0: the pipeline's own
  double guidance_scale = 7.5, eta = 0;
  // What pipeline.control takes, in [0, 1]: (1, 3, H, W) for all, or one for each; or undefined.
  Tensor conditioning = {};
};

// The same seed makes the same picture, whatever batch it is in. A signal (Interruptible) ends the
// work: pictures that are done have gone to `on_picture`. Returns their number.
size_t make_pictures(nn::DiffusionPipeline& pipeline, const std::vector<WantedPicture>& wanted,
                     const PictureSettings& settings, std::FILE* progress,
                     const std::function<void(size_t i, const nn::Image& image)>& on_picture);

// A picture of three channels as a conditioning picture: (1, 3, H, W) in [0, 1].
Tensor conditioning_of(const nn::Image& image);
// The same of a file's, resized to (height, width). Throws FileError.
Tensor read_conditioning(const std::string& file, int64_t height, int64_t width);

}  // namespace papilio::cli
