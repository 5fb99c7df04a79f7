// A Stable Diffusion that learns from nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/diffusion/ddim.h"
#include "nn/diffusion/diffusion_loss.h"
#include "nn/diffusion/pipeline.h"
#include "nn/models/autoencoder_kl.h"
#include "nn/models/clip_text.h"
#include "nn/models/unet_2d_condition.h"
#include "nn/text/tokenizer.h"

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

// How many latents a part of a batch has, their mean, and their squared differences from it in all.
struct LatentMoments {
  double count = 0, mean = 0, squares = 0;
};

// VAE, UNet and text encoder learn together: the VAE by vae_loss, the others by pipeline_loss on
// its latents, which are divided by their running deviation in the steps before; scaling_factor is
// 1 over that in the end. The pipeline outlives it.
struct PipelinePretraining : Module {
  DiffusionPipeline& pipeline;
  DiffusionLossOptions options = {};
  double kl_weight = 1e-3;
  Tensor latent_variance;  // of all latents: 0.99 before + 0.01 step

  explicit PipelinePretraining(DiffusionPipeline& pipeline);
  // The loss of a batch that captioned_batches made, or of a part of one.
  Tensor loss(const Batch& batch);
  // Called after each step, such as by FitOptions::on_step: latent_variance follows the latents of
  // all losses that were recorded since it was called before. `everywhere` puts together what this
  // process and others that share the step's batches have of them, the same at each.
  using Everywhere = std::function<std::vector<LatentMoments>(const std::vector<LatentMoments>&)>;
  void end_step(const Everywhere& everywhere = {});
  // The pipeline's scaling_factor becomes that of what was learned so far.
  void settle_scaling_factor();
  void visit(Visitor& v) override;
  std::string describe() const override { return "PipelinePretraining"; }

 private:
  void note(const Tensor& latents);

  std::vector<LatentMoments> parts_of_step_;
};

}  // namespace papilio::nn
