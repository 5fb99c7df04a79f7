#include "nn/diffusion/dpm_solver.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/error.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

namespace {

// The timestep, in between two, at which training has this noise level.
double timestep_of(double sigma, const std::vector<float>& log_sigmas) {
  const double log_sigma = std::log(std::max(sigma, 1e-10));
  size_t low = 0;
  for (size_t i = 0; i < log_sigmas.size(); ++i)
    if (log_sigma >= double(log_sigmas[i])) low = i;
  low = std::min(low, log_sigmas.size() - 2);
  const double below = double(log_sigmas[low]), above = double(log_sigmas[low + 1]);
  const double w = std::clamp((below - log_sigma) / (below - above), 0.0, 1.0);
  return (1 - w) * double(low) + w * double(low + 1);
}

}  // namespace

struct DPMSolverMultistepScheduler::Level {
  float alpha, sigma, lambda;
};

DPMSolverMultistepScheduler::DPMSolverMultistepScheduler(const DPMSolverConfig& c)
    : Scheduler(c.noise), config(c) {
  const bool data = c.algorithm_type.ends_with("++");
  check(data || !c.final_sigma_zero, class_name(), ": algorithm_type ", c.algorithm_type,
        " needs final_sigmas_type sigma_min");
  check(c.solver_order < 3 || !c.algorithm_type.starts_with("sde"), class_name(), ": ",
        c.algorithm_type, " has orders 1 and 2 here, got solver_order 3");
  check(!c.use_karras_sigmas || !c.use_exponential_sigmas, class_name(),
        ": expected one of use_karras_sigmas and use_exponential_sigmas");
  // Close to 0 without being 0, so that the first level is finite.
  if (c.noise.rescale_betas_zero_snr) schedule.alphas_cumprod.back() = std::ldexp(1.f, -24);
}

// Noise levels of a spacing of their own, and the timesteps that have them.
void DPMSolverMultistepScheduler::space_sigmas(int64_t steps, const std::vector<float>& training) {
  std::vector<float> logs;
  logs.reserve(training.size());
  for (const float s : training) logs.push_back(std::log(s));
  const double most = double(training.back()), least = double(training.front());
  timesteps_.clear();
  for (int64_t i = 0; i < steps; ++i) {
    const double ramp = steps > 1 ? double(i) / double(steps - 1) : 0;
    double sigma = 0;
    if (config.use_karras_sigmas) {
      const double a = std::pow(most, 1.0 / 7), b = std::pow(least, 1.0 / 7);
      sigma = std::pow(a + ramp * (b - a), 7);
    } else if (config.use_lu_lambdas) {
      const double a = double(logs.back()), b = double(logs.front());
      sigma = std::exp(a + ramp * (b - a));
    } else {
      sigma = std::exp(std::log(most) + ramp * (std::log(least) - std::log(most)));
    }
    double t = timestep_of(sigma, logs);
    const bool rounds = !config.use_exponential_sigmas || config.use_karras_sigmas;
    if (rounds && schedule.config.beta_schedule != "squaredcos_cap_v2") t = std::nearbyint(t);
    timesteps_.push_back(int64_t(t));
    sigmas_.push_back(float(sigma));
  }
}

void DPMSolverMultistepScheduler::set_timesteps(int64_t steps) {
  const int64_t n = schedule.config.num_train_timesteps;
  check(steps >= 1 && steps <= n, class_name(), ": expected 1 to ", n, " steps, got ", steps);
  std::vector<float> training;
  for (const float a : schedule.alphas_cumprod) training.push_back(std::sqrt((1 - a) / a));
  sigmas_.clear();
  if (config.use_karras_sigmas || config.use_lu_lambdas || config.use_exponential_sigmas) {
    space_sigmas(steps, training);
  } else {
    const auto clipped = std::ranges::count_if(schedule.alphas_cumprod, [&](float bar) {
      const float lambda = std::log(std::sqrt(bar)) - std::log(std::sqrt(1 - bar));
      return double(lambda) < config.lambda_min_clipped;
    });
    timesteps_ = spaced(steps, 1, n - clipped);
    check(!timesteps_.empty() && timesteps_.back() >= 0, class_name(), ": lambda_min_clipped ",
          config.lambda_min_clipped, " leaves no timestep");
    for (const int64_t t : timesteps_)
      sigmas_.push_back(training[std::min(size_t(t), training.size() - 1)]);
  }
  sigmas_.push_back(config.final_sigma_zero ? 0.f : training.front());
  outputs_.clear();
  taken_ = 0;
}

DPMSolverMultistepScheduler::Level DPMSolverMultistepScheduler::level(size_t i) const {
  const float s = sigmas_[i], alpha = 1 / std::sqrt(s * s + 1), sigma = s * alpha;
  return {alpha, sigma, std::log(alpha) - std::log(sigma)};
}

// What is integrated: the sample (++) or the noise.
Tensor DPMSolverMultistepScheduler::converted(const Tensor& output, const Tensor& sample,
                                              const Level& at) const {
  const Prediction said = schedule.config.prediction_type;
  const auto x0 = [&](const Tensor& noise) { return (sample - noise * at.sigma) / at.alpha; };
  const auto noise = [&](const Tensor& x) { return (sample - x * at.alpha) / at.sigma; };
  if (config.algorithm_type.ends_with("++")) {
    const Tensor x = said == Prediction::sample    ? output
                     : said == Prediction::epsilon ? x0(output)
                                                   : sample * at.alpha - output * at.sigma;
    return schedule.config.thresholding ? schedule.threshold(x) : x;
  }
  const Tensor e = said == Prediction::epsilon  ? output
                   : said == Prediction::sample ? noise(output)
                                                : output * at.alpha + sample * at.sigma;
  return schedule.config.thresholding ? noise(schedule.threshold(x0(e))) : e;
}

Tensor DPMSolverMultistepScheduler::step(const Tensor& output, size_t i, const Tensor& sample,
                                         const DrawNoise& draw, double /*eta*/) {
  check(i == taken_ && i < timesteps_.size(), class_name(),
        ": expected steps in their order, step ", taken_, " of ", timesteps_.size(), ", got ", i);
  const NoGrad no_grad;
  const size_t n = timesteps_.size();
  const bool few = config.lower_order_final && n < 15;
  const bool first_order = i + 1 == n && (config.euler_at_final || few || config.final_sigma_zero);
  const Level t = level(i + 1), s = level(i);
  outputs_.push_back(converted(output, sample, s));
  if (outputs_.size() > size_t(config.solver_order)) outputs_.erase(outputs_.begin());
  int64_t order = std::min<int64_t>(config.solver_order, int64_t(taken_) + 1);
  if (first_order) order = 1;
  if (few && i + 2 == n) order = std::min<int64_t>(order, 2);
  ++taken_;

  // The integrals of e^(g x), x and x^2 over the step, g its length in log(alpha / sigma): the
  // equations of first, second and third order in both papers.
  const bool data = config.algorithm_type.ends_with("++"),
             stochastic = config.algorithm_type.starts_with("sde");
  const float h = t.lambda - s.lambda, g = data ? (stochastic ? -2 * h : -h) : h;
  const float e = std::exp(g) - 1, scale = data ? t.alpha : (stochastic ? 2 : 1) * t.sigma;
  const float drift = !data        ? t.alpha / s.alpha
                      : stochastic ? t.sigma / s.sigma * std::exp(-h)
                                   : t.sigma / s.sigma;
  const Tensor& m0 = outputs_.back();
  Tensor x = sample * drift - m0 * (scale * e);
  if (order >= 2) {
    const Tensor& m1 = outputs_[outputs_.size() - 2];
    const float h0 = s.lambda - level(i - 1).lambda, r0 = h0 / h, phi1 = e / g - 1;
    Tensor d1 = (m0 - m1) / r0;
    if (order == 3) {
      const float r1 = (level(i - 1).lambda - level(i - 2).lambda) / h;
      const Tensor bend = d1 - (m1 - outputs_[outputs_.size() - 3]) / r1;
      d1 = d1 + bend * (r0 / (r0 + r1));
      x = x - bend * (scale * ((e - g) / (g * g) - 0.5f) / (r0 + r1));
    }
    x = x - d1 * (scale * (order == 3 || config.heun ? phi1 : e / 2));
  }
  if (!stochastic) return x;
  const float spread = data ? 1 - std::exp(-2 * h) : std::exp(2 * h) - 1;
  return x + draw(sample.shape()) * (t.sigma * std::sqrt(spread));
}

ConfigFields DPMSolverMultistepScheduler::config_fields() const {
  return with_schedule_fields(
      nn::config_fields({{"solver_order", config.solver_order},
                         {"algorithm_type", config.algorithm_type},
                         {"solver_type", config.heun ? "heun" : "midpoint"},
                         {"lower_order_final", config.lower_order_final},
                         {"euler_at_final", config.euler_at_final},
                         {"use_karras_sigmas", config.use_karras_sigmas},
                         {"use_exponential_sigmas", config.use_exponential_sigmas},
                         {"use_lu_lambdas", config.use_lu_lambdas},
                         {"final_sigmas_type", config.final_sigma_zero ? "zero" : "sigma_min"},
                         {"lambda_min_clipped", config.lambda_min_clipped}}));
}

std::unique_ptr<Scheduler> make_dpm_solver(JsonFields& fields) {
  DPMSolverConfig c;
  c.noise = read_noise_schedule(fields, "linspace");
  c.solver_order = fields.integer("solver_order", c.solver_order, 1, 3);
  c.algorithm_type = fields.string("algorithm_type", c.algorithm_type);
  if (c.algorithm_type == "deis") c.algorithm_type = "dpmsolver++";  // as Diffusers takes it
  if (c.algorithm_type != "dpmsolver++" && c.algorithm_type != "dpmsolver" &&
      c.algorithm_type != "sde-dpmsolver++" && c.algorithm_type != "sde-dpmsolver")
    fields.fail("algorithm_type",
                "\"dpmsolver++\", \"dpmsolver\", \"sde-dpmsolver++\" or \"sde-dpmsolver\"");
  const std::string solver = fields.string("solver_type", "midpoint");
  c.heun = solver == "heun";
  // Names of other solvers that Diffusers takes as midpoint.
  if (!c.heun && solver != "midpoint" && solver != "logrho" && solver != "bh1" && solver != "bh2")
    fields.fail("solver_type", "\"midpoint\" or \"heun\"");
  c.lower_order_final = fields.boolean("lower_order_final", c.lower_order_final);
  c.euler_at_final = fields.boolean("euler_at_final", c.euler_at_final);
  c.use_karras_sigmas = fields.boolean("use_karras_sigmas", c.use_karras_sigmas);
  c.use_exponential_sigmas = fields.boolean("use_exponential_sigmas", c.use_exponential_sigmas);
  c.use_lu_lambdas = fields.boolean("use_lu_lambdas", c.use_lu_lambdas);
  const std::string last = fields.string("final_sigmas_type", "zero");
  if (last != "zero" && last != "sigma_min")
    fields.fail("final_sigmas_type", "\"zero\" or \"sigma_min\"");
  c.final_sigma_zero = last == "zero";
  c.lambda_min_clipped = fields.number("lambda_min_clipped", c.lambda_min_clipped);
  for (const char* key : {"use_beta_sigmas", "use_flow_sigmas", "use_dynamic_shifting"})
    if (fields.boolean(key, false)) fields.fail(key, "false (true is not supported)");
  if (!fields.value("variance_type").is_null())
    fields.fail("variance_type", "null (models that learn their variance are not supported)");
  fields.value("flow_shift"), fields.value("time_shift_type");  // of flows
  return as_file_error(fields.where(),
                       [&] { return std::make_unique<DPMSolverMultistepScheduler>(c); });
}

}  // namespace papilio::nn
