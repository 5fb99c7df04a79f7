// A Stable Diffusion that learns from nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/diffusion/ddim.h"
#include "nn/diffusion/diffusion_loss.h"
#include "nn/diffusion/pipeline.h"

namespace papilio::nn {

// The sizes of a new pipeline's parts.
struct PipelineConfig {
  UNet2DConditionConfig unet;
  AutoencoderKLConfig vae;
  CLIPTextConfig text;
  DDIMConfig scheduler;
};
// With parameters drawn from the default generator. Throws ArgumentError for parts that do not go
// together: the UNet sees the text encoder's width, and has as many channels as the VAE's latents.
DiffusionPipeline make_pipeline(const PipelineConfig& config, Tokenizer tokenizer);

// VAE, UNet and text encoder learn together: the VAE by vae_loss, the others by pipeline_loss on
// its latents, which are divided by their running deviation; scaling_factor is 1 over that in the
// end. The pipeline outlives it.
struct PipelinePretraining : Module {
  DiffusionPipeline& pipeline;
  DiffusionLossOptions options = {};
  double kl_weight = 1e-3;
  Tensor latent_variance;  // of all latents: 0.99 before + 0.01 batch

  explicit PipelinePretraining(DiffusionPipeline& pipeline);
  // The loss of a batch that captioned_batches made.
  Tensor loss(const Batch& batch);
  // The pipeline's scaling_factor becomes that of what was learned so far.
  void settle_scaling_factor();
  void visit(Visitor& v) override;
  std::string describe() const override { return "PipelinePretraining"; }
};

}  // namespace papilio::nn
