// What a denoising model learns by.
#pragma once

#include <string>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/diffusion/noise_schedule.h"
#include "nn/diffusion/pipeline.h"
#include "nn/models/autoencoder_kl.h"
#include "nn/models/unet_2d_condition.h"
#include "tensor/random.h"

namespace papilio::nn {

// The options of Diffusers' training scripts.
struct DiffusionLossOptions {
  // Min-SNR weighting (Hang and others, arXiv 2303.09556): each sample's error times min(snr,
  // gamma) / snr if noise is predicted, / (snr + 1) if velocity is; 0: all alike.
  double snr_gamma = 0;
  // How much the class's samples count beside the subject's (prior_preserving_mean).
  double prior_loss_weight = 1;
};

// Noise on latents, and the timesteps that say how much.
struct Noising {
  Tensor noise;      // like the latents
  Tensor timesteps;  // int64 (B)
};
// Noise and timesteps, all alike likely, of B latents, drawn by sample (tensor/batch_rows.h).
Noising draw_noising(const NoiseSchedule& schedule, const Tensor& latents,
                     Generator& generator = default_generator());

// Each sample's mean (unet(noisy latents, t, context) - target)^2, the target as the schedule's
// prediction_type says, weighed by its timestep; (B) in float32. latents: (B, C, h, w), context:
// (B, S, D). Throws ArgumentError for options out of range.
Tensor diffusion_errors(UNet2DConditionModel& unet, const NoiseSchedule& schedule,
                        const Tensor& latents, const Tensor& context, const Noising& noising,
                        const DiffusionLossOptions& options = {}, const Tensor& control = {});

// errors: (2 N), of pairs, a sample of the subject and one of its class behind it. The mean of the
// subject's and prior_loss_weight times that of the class's (Ruiz and others, arXiv 2208.12242,
// section 3.2).
Tensor prior_preserving_mean(const Tensor& errors, const DiffusionLossOptions& options = {});

// The mean of the errors of a batch of captioned_batches, with draw_noising's noise: its pictures
// through the VAE, its captions through the text encoder, which learns too if it trains;
// class_inputs, if there are any, in one pass with them, each behind its own (prior_preserving_mean
// then); its conditioning pictures through the pipeline's control.
Tensor pipeline_loss(DiffusionPipeline& pipeline, const Batch& batch,
                     const DiffusionLossOptions& options = {});

// mean (decode(z) - x)^2 + kl_weight mean KL(z || N(0, 1)), both of each element, z drawn from
// encode(x)'s distribution: what an autoencoder learns by (Rombach and others, arXiv 2112.10752,
// appendix G, without its perceptual and adversarial terms). images: (B, C, H, W) in [-1, 1].
// `latents`, if not null, gets z without gradient.
Tensor vae_loss(AutoencoderKL& vae, const Tensor& images, double kl_weight,
                Tensor* latents = nullptr);

// Each caption, or "" with probability p: what classifier-free guidance asks for (Ho and Salimans,
// arXiv 2207.12598).
std::vector<std::string> drop_captions(std::vector<std::string> captions, double p,
                                       Generator& generator = default_generator());

}  // namespace papilio::nn
