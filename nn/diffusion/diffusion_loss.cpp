#include "nn/diffusion/diffusion_loss.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/join.h"
#include "autograd/ops/mse_loss.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

constexpr const char* kName = "diffusion_loss";

// The weight of each sample's error, (B).
Tensor snr_weights(const NoiseSchedule& schedule, const Tensor& timesteps, double gamma) {
  std::vector<float> weights = schedule.snr(timesteps).to_vector<float>();
  const bool velocity = schedule.config.prediction_type == Prediction::v;
  for (float& w : weights) {
    const double snr = double(w), least = std::min(snr, gamma);
    w = float(velocity ? least / (snr + 1) : snr > 0 ? least / snr : 1);
  }
  return copy_of(tensor<float>(weights), timesteps.device());
}

}  // namespace

Noising draw_noising(const NoiseSchedule& schedule, const Tensor& latents, Generator& generator) {
  const TensorOptions like{.dtype = latents.dtype(), .device = latents.device()};
  const Tensor noise = randn(latents.shape(), like, generator);
  return {noise, randint(0, schedule.config.num_train_timesteps, {latents.size(0)}, DType::int64,
                         generator, latents.device())};
}

Tensor diffusion_loss(UNet2DConditionModel& unet, const NoiseSchedule& schedule,
                      const Tensor& latents, const Tensor& context, const Noising& noising,
                      const DiffusionLossOptions& options, const Tensor& control) {
  check(options.snr_gamma >= 0 && options.prior_loss_weight >= 0, kName,
        ": expected snr_gamma and prior_loss_weight of at least 0, got ", options.snr_gamma,
        " and ", options.prior_loss_weight);
  const int64_t B = latents.size(0), own = B - options.prior_samples;
  check(options.prior_samples >= 0 && own >= 1, kName, ": expected 0 to ", B - 1,
        " prior_samples of a batch of ", B, ", got ", options.prior_samples);
  const auto& [noise, t] = noising;
  const Tensor said = unet(schedule.add_noise(latents, noise, t), t, context, control);
  const Tensor error = mse_loss(said, schedule.target(latents, noise, t), Reduction::none);
  Tensor each = mean(error, {1, 2, 3});
  if (options.snr_gamma > 0) each = each * snr_weights(schedule, t, options.snr_gamma);
  const Tensor subject = mean(slice(each, 0, 0, own));
  if (options.prior_samples == 0) return subject;
  return subject + mean(slice(each, 0, own)) * options.prior_loss_weight;
}

Tensor pipeline_loss(DiffusionPipeline& pipeline, const Batch& batch,
                     const DiffusionLossOptions& options) {
  DiffusionLossOptions o = options;
  o.prior_samples = 0;
  Tensor images = batch.inputs, ids = batch.more.at("input_ids");
  if (batch.more.contains("class_inputs")) {
    o.prior_samples = batch.size();
    images = concat({images, batch.more.at("class_inputs")}, 0);
    ids = concat({ids, batch.more.at("class_input_ids")}, 0);
  }
  const Tensor latents = pipeline.encode_images(images);
  const Tensor context = (*pipeline.text_encoder)(ids);
  Tensor control;
  if (pipeline.control != nullptr) {
    const auto found = batch.more.find("conditioning");
    check(found != batch.more.end() && o.prior_samples == 0,
          "pipeline_loss: a control needs a conditioning picture for each sample");
    control = (*pipeline.control)(found->second);
  }
  const NoiseSchedule& schedule = pipeline.scheduler->schedule;
  return diffusion_loss(*pipeline.unet, schedule, latents, context, draw_noising(schedule, latents),
                        o, control);
}

Tensor vae_loss(AutoencoderKL& vae, const Tensor& images, double kl_weight, Tensor* latents) {
  check(kl_weight >= 0, "vae_loss: expected a kl_weight of at least 0, got ", kl_weight);
  const LatentDistribution distribution = vae.encode(images);
  const Tensor z = distribution.sample();
  if (latents != nullptr) *latents = z.detach();
  const auto elements = double(z.numel()) / double(z.size(0));
  return mse_loss(vae.decode(z), images) + mean(distribution.kl()) * (kl_weight / elements);
}

std::vector<std::string> drop_captions(std::vector<std::string> captions, double p,
                                       Generator& generator) {
  check(p >= 0 && p <= 1, "drop_captions: expected a probability in [0, 1], got ", p);
  const auto dropped = bernoulli({int64_t(captions.size())}, p, generator).to_vector<double>();
  for (size_t i = 0; i < captions.size(); ++i)
    if (dropped[i] != 0) captions[i].clear();
  return captions;
}

}  // namespace papilio::nn
