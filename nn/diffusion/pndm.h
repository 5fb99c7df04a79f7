// PNDM's linear multistep method. Liu, Ren, Lin, Zhao: "Pseudo numerical methods for diffusion
// models on manifolds", 2022.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/diffusion/noise_schedule.h"
#include "nn/diffusion/scheduler.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// Diffusers' fields and defaults, with skip_prk_steps: no Runge-Kutta steps at the beginning, as
// Stable Diffusion has it.
struct PNDMConfig {
  NoiseScheduleConfig noise;      // epsilon or v
  bool set_alpha_to_one = false;  // the last step ends without noise, rather than at timestep 0
};

// Equation 9 with the noise of equation 12: a mixture of what the model said in the last four
// steps. The second timestep is made twice, the first time to begin better, so that a run of two
// steps and more has one more. Keeps what the model said.
struct PNDMScheduler : Scheduler {
  PNDMConfig config;

  // Throws ArgumentError for a model that predicts samples, and for thresholding.
  explicit PNDMScheduler(const PNDMConfig& config);
  std::string class_name() const override { return "PNDMScheduler"; }
  ConfigFields config_fields() const override;
  void set_timesteps(int64_t steps) override;
  Tensor step(const Tensor& model_output, size_t i, const Tensor& sample, const DrawNoise& draw,
              double eta) override;

 private:
  Tensor transfer(const Tensor& output, const Tensor& sample, int64_t from, int64_t to) const;

  std::vector<Tensor> outputs_;  // the last one last
  Tensor first_;                 // the sample that the run began with
};

// That of a scheduler_config.json. Throws FileError that names the key.
std::unique_ptr<Scheduler> make_pndm(JsonFields& fields);

}  // namespace papilio::nn
