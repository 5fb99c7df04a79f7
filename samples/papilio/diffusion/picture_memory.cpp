#include "samples/papilio/diffusion/picture_memory.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "samples/papilio/output/table.h"
#include "tensor/available_memory.h"
#include "tensor/creation.h"
#include "tensor/dry_run.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

struct Asked {
  int64_t batch, height, width;
};

Asked asked_by(const nn::DiffusionPipeline& pipeline, const PictureSettings& s) {
  const int64_t side = pipeline.default_side();
  return {s.batch_size, s.height > 0 ? s.height : side, s.width > 0 ? s.width : side};
}

// The most bytes at once of the text encoder and the UNet, and of the VAE behind them.
struct Needed {
  size_t denoising = 0, decoding = 0;
  size_t most() const { return std::max(denoising, decoding); }
};

Needed needed_for(nn::DiffusionPipeline& pipeline, const Asked& asked, const PictureSettings& s) {
  const NoGrad no_grad;
  const Device device = pipeline.device();
  const auto latents = [&] {
    Dims shape = nn::initial_latents(pipeline, 1, asked.height, asked.width, 0).shape();
    shape[0] = asked.batch;
    return zeros(shape, {.device = device});
  };
  Needed needed;
  {
    const DryRun run;
    const Tensor start = latents();
    const Tensor text = pipeline.encode_prompts(std::vector<std::string>(size_t(asked.batch)));
    Tensor control;
    if (pipeline.control)
      control = (*pipeline.control)(
          zeros({asked.batch, 3, asked.height, asked.width}, {.device = device}));
    nn::denoise(pipeline, start, text, text,
                {.steps = 1,
                 .guidance_scale = s.guidance_scale,
                 .seed = 0,
                 .control = control,
                 .on_step = [](int64_t, const Tensor&) { return true; }});
    needed.denoising = run.stats(device).peak_in_use;
  }
  const DryRun run;
  pipeline.decode_latents(latents());
  needed.decoding = run.stats(device).peak_in_use;
  return needed;
}

// Fewer at a time, then smaller ones: the first that fits; a batch of 0: none does.
Asked what_would_fit(nn::DiffusionPipeline& pipeline, Asked asked, const PictureSettings& s,
                     size_t bytes) {
  const auto fits = [&] { return needed_for(pipeline, asked, s).most() <= bytes; };
  const int64_t step = pipeline.vae->config.pixels_of_latent()
                       << (pipeline.unet->config.block_out_channels.size() - 1);
  while (asked.batch > 1) {
    asked.batch /= 2;
    if (fits()) return asked;
  }
  while (std::min(asked.height, asked.width) >= 2 * step) {
    asked.height = asked.height / 2 / step * step, asked.width = asked.width / 2 / step * step;
    if (fits()) return asked;
  }
  asked.batch = 0;
  return asked;
}

}  // namespace

size_t picture_bytes(nn::DiffusionPipeline& pipeline, const PictureSettings& s) {
  return needed_for(pipeline, asked_by(pipeline, s), s).most();
}

void check_picture_memory(nn::DiffusionPipeline& pipeline, int64_t count,
                          const PictureSettings& s) {
  Asked asked = asked_by(pipeline, s);
  asked.batch = std::min(count, asked.batch);
  const Needed needed = needed_for(pipeline, asked, s);
  const AvailableMemory there = available_memory(pipeline.device());
  if (needed.most() <= there.bytes) return;
  const Asked other = what_would_fit(pipeline, asked, s, there.bytes);
  std::string way = "; no smaller size would do";
  if (other.batch > 0 && other.height == asked.height)
    way = str("; --batch-size ", other.batch, " would do");
  else if (other.batch > 0)
    way = str("; --batch-size 1 --height ", other.height, " --width ", other.width, " would do");
  throw OutOfMemoryError(
      str(with_commas(asked.batch), asked.batch == 1 ? " picture of " : " pictures at a time of ",
          asked.width, 'x', asked.height, asked.batch == 1 ? " takes " : " take ",
          bytes_text(needed.most()), " beside the weights, in the ",
          needed.decoding > needed.denoising ? "VAE's decoder" : "UNet", "; there are ",
          bytes_text(there.bytes), " (", there.bound, ')', way));
}

}  // namespace papilio::cli
