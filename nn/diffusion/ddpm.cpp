#include "nn/diffusion/ddpm.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/error.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

DDPMScheduler::DDPMScheduler(const DDPMConfig& c) : Scheduler(c.noise), config(c) {}

// Numbers are float32, as Diffusers' are: differences of alphas lose digits.
Tensor DDPMScheduler::step(const Tensor& output, size_t i, const Tensor& sample,
                           const DrawNoise& draw, double /*eta*/) {
  const NoGrad no_grad;
  const int64_t t = timesteps_.at(i);
  const float a = schedule.alphas_cumprod[size_t(t)];
  const float before =
      i + 1 < timesteps_.size() ? schedule.alphas_cumprod[size_t(timesteps_[i + 1])] : 1.f;
  const float b = 1 - a, b_before = 1 - before, alpha = a / before, beta = 1 - alpha;
  const Tensor x0 =
      limited(predicted_sample(output, sample, a), config.clip_sample, config.clip_sample_range);
  Tensor mean = x0 * (std::sqrt(before) * beta / b) + sample * (std::sqrt(alpha) * b_before / b);
  if (t == 0) return mean;
  const float variance =
      config.variance_type == "fixed_large" ? beta : std::max(b_before / b * beta, 1e-20f);
  return mean + draw(sample.shape()) * std::sqrt(variance);
}

ConfigFields DDPMScheduler::config_fields() const {
  return with_schedule_fields(nn::config_fields({{"variance_type", config.variance_type},
                                                 {"clip_sample", config.clip_sample},
                                                 {"clip_sample_range", config.clip_sample_range}}));
}

std::unique_ptr<Scheduler> make_ddpm(JsonFields& fields) {
  DDPMConfig c;
  c.noise = read_noise_schedule(fields, "leading", {"sigmoid"});
  c.variance_type = fields.string("variance_type", c.variance_type);
  if (c.variance_type != "fixed_small" && c.variance_type != "fixed_small_log" &&
      c.variance_type != "fixed_large")
    fields.fail(
        "variance_type",
        "\"fixed_small\", \"fixed_small_log\" or \"fixed_large\" (others are not supported)");
  c.clip_sample = fields.boolean("clip_sample", c.clip_sample);
  c.clip_sample_range = fields.number("clip_sample_range", c.clip_sample_range);
  return std::make_unique<DDPMScheduler>(c);
}

}  // namespace papilio::nn
