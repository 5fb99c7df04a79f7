#include "nn/diffusion/pipeline_pretraining.h"

#include <cmath>
#include <memory>
#include <utility>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/reduce.h"
#include "nn/data/batch_source.h"
#include "nn/diffusion/noise_schedule.h"
#include "nn/models/autoencoder_kl.h"
#include "nn/models/clip_text.h"
#include "nn/models/unet_2d_condition.h"
#include "nn/text/tokenizer.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/dry_run.h"
#include "tensor/error.h"

namespace papilio::nn {

DiffusionPipeline make_pipeline(const PipelineConfig& c, Tokenizer tokenizer) {
  for (const int64_t width : c.unet.cross_attention_dim)
    check(width == c.text.hidden_size, "make_pipeline: expected a cross_attention_dim of ",
          c.text.hidden_size, ", the text encoder's hidden_size, got ", width);
  check(c.unet.in_channels == c.vae.latent_channels && c.unet.out_channels == c.vae.latent_channels,
        "make_pipeline: expected in_channels and out_channels of ", c.vae.latent_channels,
        ", the VAE's latent_channels, got ", c.unet.in_channels, " and ", c.unet.out_channels);
  check(tokenizer.size() <= c.text.vocab_size, "make_pipeline: expected a vocab_size of at least ",
        tokenizer.size(), ", the tokenizer's, got ", c.text.vocab_size);
  DiffusionPipeline pipeline;
  pipeline.vae = std::make_unique<AutoencoderKL>(c.vae);
  pipeline.unet = std::make_unique<UNet2DConditionModel>(c.unet);
  pipeline.text_encoder = std::make_unique<CLIPTextModel>(c.text);
  pipeline.scheduler = std::make_unique<DDIMScheduler>(c.scheduler);
  pipeline.tokenizer = std::make_unique<Tokenizer>(std::move(tokenizer));
  return pipeline;
}

PipelinePretraining::PipelinePretraining(DiffusionPipeline& p)
    : pipeline(p), latent_variance(full({1}, 1, {.device = p.device()})) {}

Tensor PipelinePretraining::loss(const Batch& batch) {
  Tensor latents;
  const Tensor reconstruction = vae_loss(*pipeline.vae, batch.inputs, kl_weight, &latents);
  if (grad_enabled()) note(latents);
  settle_scaling_factor();
  const Tensor context = (*pipeline.text_encoder)(batch.more.at("input_ids"));
  const NoiseSchedule& schedule = pipeline.scheduler->schedule;
  latents = latents * pipeline.vae->config.scaling_factor;
  return reconstruction + mean(diffusion_errors(*pipeline.unet, schedule, latents, context,
                                                draw_noising(schedule, latents), options));
}

void PipelinePretraining::note(const Tensor& latents) {
  if (DryRun::active()) return;  // a plan's, which have no values
  const NoGrad no_grad;
  const Tensor x = cast(latents, DType::float32), centred = x - mean(x);
  parts_of_step_.push_back(
      {double(x.numel()), mean(x).item(), double(x.numel()) * mean(centred * centred).item()});
}

void PipelinePretraining::end_step(const Everywhere& everywhere) {
  std::vector<LatentMoments> parts = std::exchange(parts_of_step_, {});
  if (everywhere) parts = everywhere(parts);
  LatentMoments all;
  for (const LatentMoments& part : parts) {
    // Chan, Golub and LeVeque, 1979: moments of two samples together.
    const double apart = part.mean - all.mean, count = all.count + part.count;
    all.squares += part.squares + apart * apart * all.count * part.count / count;
    all.mean += apart * part.count / count;
    all.count = count;
  }
  if (all.count == 0) return;
  const NoGrad no_grad;
  copy_(latent_variance, latent_variance * 0.99 + 0.01 * (all.squares / all.count));
  settle_scaling_factor();
}

void PipelinePretraining::settle_scaling_factor() {
  pipeline.vae->config.scaling_factor = 1 / std::sqrt(latent_variance.item());
}

void PipelinePretraining::visit(Visitor& v) {
  v("pipeline", pipeline);
  v.buffer("latent_variance", latent_variance);
}

}  // namespace papilio::nn
