// DDPM: the reverse of the noising process, step by step. Ho, Jain, Abbeel: "Denoising diffusion
// probabilistic models", 2020.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "nn/diffusion/noise_schedule.h"
#include "nn/diffusion/scheduler.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// Diffusers' fields and defaults.
struct DDPMConfig {
  NoiseScheduleConfig noise;
  std::string variance_type = "fixed_small";  // or fixed_small_log, fixed_large
  bool clip_sample = true;
  double clip_sample_range = 1;
};

// x_{t-1} ~ N(mean of x_0 and x_t, variance): equation 7. Noise is drawn at every timestep but 0.
struct DDPMScheduler : Scheduler {
  DDPMConfig config;

  explicit DDPMScheduler(const DDPMConfig& config);
  std::string class_name() const override { return "DDPMScheduler"; }
  ConfigFields config_fields() const override;
  Tensor step(const Tensor& model_output, size_t i, const Tensor& sample, const DrawNoise& draw,
              double eta) override;
};

// That of a scheduler_config.json. Throws FileError that names the key.
std::unique_ptr<Scheduler> make_ddpm(JsonFields& fields);

}  // namespace papilio::nn
