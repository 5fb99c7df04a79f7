// DDIM: long steps without noise. Song, Meng, Ermon: "Denoising diffusion implicit models", 2021.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "nn/diffusion/noise_schedule.h"
#include "nn/diffusion/scheduler.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// Diffusers' fields and defaults.
struct DDIMConfig {
  NoiseScheduleConfig noise;
  bool clip_sample = true;
  double clip_sample_range = 1;
  bool set_alpha_to_one = true;  // the last step ends without noise, rather than at timestep 0
};

// x_{t-1} = sqrt(alpha') x_0 + sqrt(1 - alpha' - sigma^2) noise + sigma drawn: equation 12; sigma
// is eta times DDPM's.
struct DDIMScheduler : Scheduler {
  DDIMConfig config;

  explicit DDIMScheduler(const DDIMConfig& config);
  std::string class_name() const override { return "DDIMScheduler"; }
  ConfigFields config_fields() const override;
  Tensor step(const Tensor& model_output, size_t i, const Tensor& sample, const DrawNoise& draw,
              double eta) override;
};

// That of a scheduler_config.json. Throws FileError that names the key.
std::unique_ptr<Scheduler> make_ddim(JsonFields& fields);

}  // namespace papilio::nn
