// How much noise lies on a sample at each timestep of training.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/models/pretrained_model.h"
#include "tensor/tensor.h"

namespace papilio {
class JsonFields;  // tensor/files/detail/json.h
}

namespace papilio::nn {

// What a model says of a noisy sample: its noise, the sample without noise, or the velocity.
enum class Prediction { epsilon, sample, v };

// What all schedulers share, with Diffusers' names and defaults; timestep_spacing's default is the
// scheduler's.
struct NoiseScheduleConfig {
  int64_t num_train_timesteps = 1000;
  double beta_start = 0.0001, beta_end = 0.02;
  std::string beta_schedule = "linear";    // or scaled_linear, squaredcos_cap_v2, sigmoid
  std::vector<double> trained_betas = {};  // take all these's place if there are any
  bool rescale_betas_zero_snr = false;
  Prediction prediction_type = Prediction::epsilon;
  std::string timestep_spacing = "leading";  // or linspace, trailing
  int64_t steps_offset = 0;
  bool thresholding = false;  // dynamic, of the predicted sample
  double dynamic_thresholding_ratio = 0.995;
  double sample_max_value = 1;
};

// The fields of a scheduler_config.json that all have; `more_schedules`: what beta_schedule may be
// beside linear, scaled_linear and squaredcos_cap_v2. Throws FileError that names the key.
NoiseScheduleConfig read_noise_schedule(JsonFields& fields, const std::string& timestep_spacing,
                                        const std::vector<std::string>& more_schedules = {});

// The way back: these fields as a scheduler_config.json has them.
ConfigFields noise_schedule_fields(const NoiseScheduleConfig& config);

// A timestep's share of the sample, alpha_bar = prod (1 - beta), in float32 as Diffusers holds it.
// Ho, Jain, Abbeel, 2020, equation 4.
struct NoiseSchedule {
  NoiseScheduleConfig config;
  std::vector<float> alphas_cumprod;

  // Throws ArgumentError for a beta_schedule that is not known, and for betas that are too few.
  explicit NoiseSchedule(const NoiseScheduleConfig& config);

  // sqrt(alpha_bar_t) x + sqrt(1 - alpha_bar_t) noise. x, noise: (B, ...), t: int64 (B).
  Tensor add_noise(const Tensor& x, const Tensor& noise, const Tensor& t) const;
  // sqrt(alpha_bar_t) noise - sqrt(1 - alpha_bar_t) x: what a v-prediction model learns (Salimans
  // and Ho, arXiv 2202.00512, appendix D).
  Tensor velocity(const Tensor& x, const Tensor& noise, const Tensor& t) const;
  // What the model is to say: noise, x or the velocity, as prediction_type asks.
  Tensor target(const Tensor& x, const Tensor& noise, const Tensor& t) const;
  // alpha_bar_t / (1 - alpha_bar_t), float32 (B), on t's device.
  Tensor snr(const Tensor& t) const;
  // `predicted` cut off: to its dynamic threshold (Saharia and others, arXiv 2205.11487, section
  // 2.3), each image by its own.
  Tensor threshold(const Tensor& predicted) const;

 private:
  // f of alpha_bar at each timestep, (B, 1, 1, ...) like x.
  Tensor factors(const Tensor& t, const Tensor& x, bool of_noise) const;
};

}  // namespace papilio::nn
