#include "samples/papilio/diffusion/diffusion_memory.h"

#include <algorithm>
#include <cstdint>

#include "samples/papilio/run/optimization.h"
#include "tensor/text.h"

namespace papilio::cli {

MemoryQuestion memory_question(nn::Module& model, const nn::DiffusionPipeline& pipeline,
                               const nn::Loss& loss, const nn::PlannedPictures& pictures,
                               int64_t workers, const TrainingSettings& settings) {
  const int64_t pixels = pipeline.vae->config.pixels_of_latent(), side = pictures.side / pixels;
  const auto blocks = pipeline.unet->config.block_out_channels.size();
  MemoryQuestion q{model, settings};
  q.what = str("pictures of ", pictures.side, 'x', pictures.side, ", latents of ", side, 'x', side);
  q.sample = "picture";
  q.tokens = std::max<int64_t>(side * side, 1);
  q.size = pictures.side;
  q.size_step = pixels << (blocks - 1);  // the UNet halves the sides between its blocks
  q.size_option = "--resolution";
  q.run = [&model, loss, pictures](const TrainingSettings& s, int64_t resolution) {
    nn::PlannedPictures other = pictures;
    other.side = resolution;
    return nn::planned_pictures(in_precision(s, loss), other);
  };
  q.validates = false;
  q.workers = workers;
  return q;
}

}  // namespace papilio::cli
