#include "nn/diffusion/ddim.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/extrema.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/error.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

DDIMScheduler::DDIMScheduler(const DDIMConfig& c) : Scheduler(c.noise), config(c) {}

void DDIMScheduler::set_timesteps(int64_t steps) {
  Scheduler::set_timesteps(steps);
  distance_ = schedule.config.num_train_timesteps / steps;
}

Tensor DDIMScheduler::step(const Tensor& output, size_t i, const Tensor& sample,
                           const DrawNoise& draw, double eta) {
  const NoGrad no_grad;
  const int64_t t = timesteps_.at(i), next = t - distance_;
  const float last = config.set_alpha_to_one ? 1.f : schedule.alphas_cumprod[0];
  const float a = schedule.alphas_cumprod[size_t(t)], b = 1 - a;
  const float a_next = next >= 0 ? schedule.alphas_cumprod[size_t(next)] : last;
  Tensor x0 = predicted_sample(output, sample, a);
  // The noise that the model said, whatever becomes of x0 below.
  const Prediction said = schedule.config.prediction_type;
  const Tensor noise = said == Prediction::epsilon  ? output
                       : said == Prediction::sample ? (sample - x0 * std::sqrt(a)) / std::sqrt(b)
                                                    : output * std::sqrt(a) + sample * std::sqrt(b);
  if (schedule.config.thresholding)
    x0 = schedule.threshold(x0);
  else if (config.clip_sample)
    x0 = clamp(x0, -config.clip_sample_range, config.clip_sample_range);
  const float variance = (1 - a_next) / b * (1 - a / a_next);
  const float sigma = float(eta) * std::sqrt(variance);
  const Tensor result = x0 * std::sqrt(a_next) + noise * std::sqrt(1 - a_next - sigma * sigma);
  return eta > 0 ? result + draw(sample.shape()) * sigma : result;
}

ConfigFields DDIMScheduler::config_fields() const {
  return with_schedule_fields(nn::config_fields({{"clip_sample", config.clip_sample},
                                                 {"clip_sample_range", config.clip_sample_range},
                                                 {"set_alpha_to_one", config.set_alpha_to_one}}));
}

std::unique_ptr<Scheduler> make_ddim(JsonFields& fields) {
  DDIMConfig c;
  c.noise = read_noise_schedule(fields, "leading");
  c.clip_sample = fields.boolean("clip_sample", c.clip_sample);
  c.clip_sample_range = fields.number("clip_sample_range", c.clip_sample_range);
  c.set_alpha_to_one = fields.boolean("set_alpha_to_one", c.set_alpha_to_one);
  return std::make_unique<DDIMScheduler>(c);
}

}  // namespace papilio::nn
