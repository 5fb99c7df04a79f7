#include "nn/diffusion/diffusion_loss.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/join.h"
#include "autograd/ops/mse_loss.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "nn/models/autoencoder_kl.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/draw_for_rows.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

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

void check_options(const char* operation, const DiffusionLossOptions& options) {
  check(options.snr_gamma >= 0 && options.prior_loss_weight >= 0, operation,
        ": expected snr_gamma and prior_loss_weight of at least 0, got ", options.snr_gamma,
        " and ", options.prior_loss_weight);
}

// Each of the subject's samples with the class's behind it: random numbers belong to pairs, which
// stay together on however many ranks. (B, ...), (B, ...) -> (2 B, ...).
Tensor in_pairs(const Tensor& subject, const Tensor& of_class) {
  Dims shape = subject.shape();
  shape[0] *= 2;
  return reshape(stack({subject, of_class}, 1), shape);
}

}  // namespace

Noising draw_noising(const NoiseSchedule& schedule, const Tensor& latents, Generator& generator) {
  const TensorOptions like{.dtype = latents.dtype(), .device = latents.device()};
  const Tensor noise = draw_for_rows(
      latents.shape(), [&](const Dims& shape) { return randn(shape, like, generator); });
  const Tensor timesteps = draw_for_rows({latents.size(0)}, [&](const Dims& shape) {
    return randint(0, schedule.config.num_train_timesteps, shape, DType::int64, generator,
                   latents.device());
  });
  return {noise, timesteps};
}

Tensor diffusion_errors(UNet2DConditionModel& unet, const NoiseSchedule& schedule,
                        const Tensor& latents, const Tensor& context, const Noising& noising,
                        const DiffusionLossOptions& options, const Tensor& control) {
  check_options("diffusion_errors", options);
  const auto& [noise, t] = noising;
  const Tensor said = unet(schedule.add_noise(latents, noise, t), t, context, control);
  const Tensor error = mse_loss(said, schedule.target(latents, noise, t), Reduction::none);
  const Tensor each = mean(error, {1, 2, 3});
  return options.snr_gamma > 0 ? each * snr_weights(schedule, t, options.snr_gamma) : each;
}

Tensor prior_preserving_mean(const Tensor& errors, const DiffusionLossOptions& options) {
  constexpr const char* kName = "prior_preserving_mean";
  check_options(kName, options);
  check(errors.dim() == 1 && errors.numel() > 0 && errors.numel() % 2 == 0, kName,
        ": expected errors of shape (2 N), got ", errors.shape());
  const Tensor both = mean(reshape(errors, {errors.numel() / 2, 2}), {0});
  return select(both, 0, 0) + select(both, 0, 1) * options.prior_loss_weight;
}

Tensor pipeline_loss(DiffusionPipeline& pipeline, const Batch& batch,
                     const DiffusionLossOptions& options) {
  check_options("pipeline_loss", options);
  Tensor images = batch.inputs, ids = batch.more.at("input_ids");
  const bool pairs = batch.more.contains("class_inputs");
  if (pairs) {
    images = in_pairs(images, batch.more.at("class_inputs"));
    ids = in_pairs(ids, batch.more.at("class_input_ids"));
  }
  const Tensor latents = pipeline.encode_images(images);
  const Tensor context = (*pipeline.text_encoder)(ids);
  Tensor control;
  if (pipeline.control != nullptr) {
    const auto found = batch.more.find("conditioning");
    check(found != batch.more.end() && !pairs,
          "pipeline_loss: a control needs a conditioning picture for each sample");
    control = (*pipeline.control)(found->second);
  }
  const NoiseSchedule& schedule = pipeline.scheduler->schedule;
  const Tensor errors = diffusion_errors(*pipeline.unet, schedule, latents, context,
                                         draw_noising(schedule, latents), options, control);
  return pairs ? prior_preserving_mean(errors, options) : mean(errors);
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
