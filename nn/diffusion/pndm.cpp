#include "nn/diffusion/pndm.h"

#include <cmath>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/error.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

PNDMScheduler::PNDMScheduler(const PNDMConfig& c) : Scheduler(c.noise), config(c) {
  check(c.noise.prediction_type != Prediction::sample && !c.noise.thresholding,
        "PNDMScheduler: expected a model that predicts epsilon or v, without thresholding");
}

void PNDMScheduler::set_timesteps(int64_t steps) {
  Scheduler::set_timesteps(steps);
  if (timesteps_.size() > 1) timesteps_.insert(timesteps_.begin() + 1, timesteps_[1]);
  outputs_.clear();
  first_ = {};
}

Tensor PNDMScheduler::transfer(const Tensor& output, const Tensor& sample, int64_t from,
                               int64_t to) const {
  const float a = alpha_bar(from, config.set_alpha_to_one),
              a_to = alpha_bar(to, config.set_alpha_to_one);
  const float b = 1 - a, b_to = 1 - a_to;
  const Tensor noise = predicted_noise(output, sample, a);
  const float divisor = a * std::sqrt(b_to) + std::sqrt(a * b * a_to);
  return sample * std::sqrt(a_to / a) - noise * (a_to - a) / divisor;
}

Tensor PNDMScheduler::step(const Tensor& output, size_t i, const Tensor& sample, const DrawNoise&,
                           double /*eta*/) {
  const NoGrad no_grad;
  const int64_t t = timesteps_.at(i);
  if (i == 1) {  // the first step once more, with what the model says at its end
    const Tensor mean = (output + outputs_.back()) / 2;
    return transfer(mean, first_, t + distance_, t);
  }
  if (i == 0) first_ = sample;
  if (outputs_.size() > 3) outputs_.erase(outputs_.begin());
  outputs_.push_back(output);
  const auto e = [this](size_t back) { return outputs_[outputs_.size() - back]; };
  Tensor said = output;
  if (outputs_.size() == 2) said = (e(1) * 3 - e(2)) / 2;
  if (outputs_.size() == 3) said = (e(1) * 23 - e(2) * 16 + e(3) * 5) / 12;
  if (outputs_.size() == 4) said = (e(1) * 55 - e(2) * 59 + e(3) * 37 - e(4) * 9) * (1.0 / 24);
  return transfer(said, sample, t, t - distance_);
}

ConfigFields PNDMScheduler::config_fields() const {
  return with_schedule_fields(
      nn::config_fields({{"skip_prk_steps", true}, {"set_alpha_to_one", config.set_alpha_to_one}}));
}

std::unique_ptr<Scheduler> make_pndm(JsonFields& fields) {
  PNDMConfig c;
  c.noise = read_noise_schedule(fields, "leading");
  if (c.noise.prediction_type == Prediction::sample)
    fields.fail("prediction_type", "\"epsilon\" or \"v_prediction\"");
  const auto refuse = [&](const char* key) {
    if (fields.boolean(key, false)) fields.fail(key, "false (PNDMScheduler has no such setting)");
  };
  refuse("thresholding");
  if (fields.string("_class_name", "") == "PNDMScheduler") {  // another's say nothing here
    refuse("rescale_betas_zero_snr"), refuse("clip_sample");
    if (!fields.boolean("skip_prk_steps", false))
      fields.fail("skip_prk_steps", "true (Runge-Kutta steps are not supported)");
  }
  c.set_alpha_to_one = fields.boolean("set_alpha_to_one", c.set_alpha_to_one);
  return std::make_unique<PNDMScheduler>(c);
}

}  // namespace papilio::nn
