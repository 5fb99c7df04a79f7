#include "nn/diffusion/ddim.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/error.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

DDIMScheduler::DDIMScheduler(const DDIMConfig& c) : Scheduler(c.noise), config(c) {}

Tensor DDIMScheduler::step(const Tensor& output, size_t i, const Tensor& sample,
                           const DrawNoise& draw, double eta) {
  const NoGrad no_grad;
  const int64_t t = timesteps_.at(i);
  const float a = alpha_bar(t, config.set_alpha_to_one), b = 1 - a;
  const float a_next = alpha_bar(t - distance_, config.set_alpha_to_one);
  const Tensor x0 =
      limited(predicted_sample(output, sample, a), config.clip_sample, config.clip_sample_range);
  // As the model said it, whatever becomes of x0.
  const Tensor noise = predicted_noise(output, sample, a);
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
