#include "nn/diffusion/noise_schedule.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <numbers>
#include <string>
#include <vector>

#include "autograd/ops/arithmetic.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tensor/files/detail/json.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

// torch.linspace in float32: from both ends to the middle.
std::vector<float> linspace32(float first, float last, int64_t n) {
  std::vector<float> values(static_cast<size_t>(n));
  const float step = n > 1 ? (last - first) / float(n - 1) : 0;
  for (int64_t i = 0; i < n; ++i)
    values[size_t(i)] = i < n / 2 ? first + step * float(i) : last - step * float(n - 1 - i);
  return values;
}

// The cosine schedule of Nichol and Dhariwal, arXiv 2102.09672, equation 17.
std::vector<float> cosine_betas(int64_t n) {
  const auto alpha_bar = [](double t) {
    return std::pow(std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2), 2);
  };
  std::vector<float> betas;
  for (int64_t i = 0; i < n; ++i) {
    const double now = double(i) / double(n), next = double(i + 1) / double(n);
    betas.push_back(float(std::min(1 - alpha_bar(next) / alpha_bar(now), 0.999)));
  }
  return betas;
}

std::vector<float> betas_of(const NoiseScheduleConfig& c) {
  const int64_t n = c.num_train_timesteps;
  if (!c.trained_betas.empty()) return {c.trained_betas.begin(), c.trained_betas.end()};
  const std::string& name = c.beta_schedule;
  if (name == "linear") return linspace32(float(c.beta_start), float(c.beta_end), n);
  if (name == "squaredcos_cap_v2") return cosine_betas(n);
  std::vector<float> betas;
  if (name == "scaled_linear") {
    betas = linspace32(float(std::sqrt(c.beta_start)), float(std::sqrt(c.beta_end)), n);
    for (float& b : betas) b *= b;
  } else {
    check(name == "sigmoid",
          "NoiseSchedule: expected a beta_schedule linear, scaled_linear, squaredcos_cap_v2 or "
          "sigmoid, got ",
          name);
    betas = linspace32(-6, 6, n);
    for (float& b : betas)
      b = 1 / (1 + std::exp(-b)) * float(c.beta_end - c.beta_start) + float(c.beta_start);
  }
  return betas;
}

std::vector<float> cumulative(const std::vector<float>& betas) {
  std::vector<float> products;
  products.reserve(betas.size());
  double product = 1;
  for (const float beta : betas) products.push_back(float(product *= double(1 - beta)));
  return products;
}

// Lin and others, arXiv 2305.08891, algorithm 1: the last timestep is noise alone.
std::vector<float> rescaled_to_zero_snr(const std::vector<float>& betas) {
  std::vector<float> roots = cumulative(betas);
  for (float& a : roots) a = std::sqrt(a);
  const float first = roots.front(), last = roots.back(), scale = first / (first - last);
  for (float& a : roots) a = (a - last) * scale;
  std::vector<float> rescaled{1 - roots[0] * roots[0]};
  for (size_t i = 1; i < roots.size(); ++i)
    rescaled.push_back(1 - roots[i] * roots[i] / (roots[i - 1] * roots[i - 1]));
  return rescaled;
}

Prediction read_prediction(JsonFields& fields) {
  const std::string name = fields.string("prediction_type", "epsilon");
  if (name == "epsilon") return Prediction::epsilon;
  if (name == "sample") return Prediction::sample;
  if (name != "v_prediction")
    fields.fail("prediction_type", "\"epsilon\", \"sample\" or \"v_prediction\"");
  return Prediction::v;
}

// The cumulative product of alphas at each timestep of t.
std::vector<float> alphas_at(const Tensor& t, const std::vector<float>& alphas_cumprod) {
  std::vector<float> alphas;
  for (const int64_t at : t.to_vector<int64_t>()) {
    check(at >= 0 && at < int64_t(alphas_cumprod.size()),
          "NoiseSchedule: expected timesteps from 0 to ", alphas_cumprod.size() - 1, ", got ", at);
    alphas.push_back(alphas_cumprod[size_t(at)]);
  }
  return alphas;
}

}  // namespace

NoiseScheduleConfig read_noise_schedule(JsonFields& fields, const std::string& spacing,
                                        const std::vector<std::string>& more_schedules) {
  NoiseScheduleConfig c;
  c.num_train_timesteps = fields.integer("num_train_timesteps", c.num_train_timesteps, 1, 1000000);
  c.beta_start = fields.number("beta_start", c.beta_start);
  c.beta_end = fields.number("beta_end", c.beta_end);
  c.beta_schedule = fields.string("beta_schedule", c.beta_schedule);
  std::vector<std::string> known{"linear", "scaled_linear", "squaredcos_cap_v2"};
  known.insert(known.end(), more_schedules.begin(), more_schedules.end());
  if (std::ranges::find(known, c.beta_schedule) == known.end())
    fields.fail("beta_schedule", ("one of " + joined(known, ", ")).c_str());
  const nlohmann::json& trained = fields.value("trained_betas");
  if (!trained.is_null()) {
    const bool numbers = trained.is_array() && std::ranges::all_of(trained, [](const auto& b) {
                           return b.is_number() && b >= 0 && b < 1;
                         });
    if (!numbers || trained.size() < size_t(c.num_train_timesteps))
      fields.fail("trained_betas", "a list of num_train_timesteps numbers in [0, 1)");
    c.trained_betas = trained.get<std::vector<double>>();
  }
  c.rescale_betas_zero_snr = fields.boolean("rescale_betas_zero_snr", c.rescale_betas_zero_snr);
  c.prediction_type = read_prediction(fields);
  c.timestep_spacing = fields.string("timestep_spacing", spacing);
  if (c.timestep_spacing != "leading" && c.timestep_spacing != "linspace" &&
      c.timestep_spacing != "trailing")
    fields.fail("timestep_spacing", "\"leading\", \"linspace\" or \"trailing\"");
  c.steps_offset = fields.integer("steps_offset", c.steps_offset, 0);
  c.thresholding = fields.boolean("thresholding", c.thresholding);
  c.dynamic_thresholding_ratio =
      fields.number("dynamic_thresholding_ratio", c.dynamic_thresholding_ratio);
  if (!(c.dynamic_thresholding_ratio >= 0 && c.dynamic_thresholding_ratio <= 1))
    fields.fail("dynamic_thresholding_ratio", "a number in [0, 1]");
  c.sample_max_value = fields.number("sample_max_value", c.sample_max_value);
  return c;
}

ConfigFields noise_schedule_fields(const NoiseScheduleConfig& c) {
  const char* const prediction = c.prediction_type == Prediction::epsilon  ? "epsilon"
                                 : c.prediction_type == Prediction::sample ? "sample"
                                                                           : "v_prediction";
  return config_fields(
      {{"num_train_timesteps", c.num_train_timesteps},
       {"beta_start", c.beta_start},
       {"beta_end", c.beta_end},
       {"beta_schedule", c.beta_schedule},
       {"trained_betas",
        c.trained_betas.empty() ? nlohmann::json() : nlohmann::json(c.trained_betas)},
       {"rescale_betas_zero_snr", c.rescale_betas_zero_snr},
       {"prediction_type", prediction},
       {"timestep_spacing", c.timestep_spacing},
       {"steps_offset", c.steps_offset},
       {"thresholding", c.thresholding},
       {"dynamic_thresholding_ratio", c.dynamic_thresholding_ratio},
       {"sample_max_value", c.sample_max_value}});
}

NoiseSchedule::NoiseSchedule(const NoiseScheduleConfig& c) : config(c) {
  std::vector<float> betas = betas_of(c);
  check(int64_t(betas.size()) >= c.num_train_timesteps && c.num_train_timesteps >= 1,
        "NoiseSchedule: expected ", c.num_train_timesteps, " trained_betas, got ", betas.size());
  alphas_cumprod = cumulative(c.rescale_betas_zero_snr ? rescaled_to_zero_snr(betas) : betas);
}

Tensor NoiseSchedule::factors(const Tensor& t, const Tensor& x, bool of_noise) const {
  check(t.defined() && t.dtype() == DType::int64 && t.dim() == 1 && x.dim() >= 1 &&
            t.size(0) == x.size(0),
        "NoiseSchedule: expected an int64 timestep for each of ", x.size(0), " samples, got ",
        t.shape());
  std::vector<float> values = alphas_at(t, alphas_cumprod);
  for (float& a : values) a = std::sqrt(of_noise ? 1 - a : a);
  Dims shape = x.shape();
  for (int d = 1; d < shape.size(); ++d) shape[d] = 1;
  return copy_of(copy_of(tensor<float>(values, shape), x.dtype()), x.device());
}

Tensor NoiseSchedule::add_noise(const Tensor& x, const Tensor& noise, const Tensor& t) const {
  return factors(t, x, false) * x + factors(t, x, true) * noise;
}

Tensor NoiseSchedule::velocity(const Tensor& x, const Tensor& noise, const Tensor& t) const {
  return factors(t, x, false) * noise - factors(t, x, true) * x;
}

Tensor NoiseSchedule::target(const Tensor& x, const Tensor& noise, const Tensor& t) const {
  if (config.prediction_type == Prediction::sample) return x;
  return config.prediction_type == Prediction::epsilon ? noise : velocity(x, noise, t);
}

Tensor NoiseSchedule::snr(const Tensor& t) const {
  std::vector<float> values = alphas_at(t, alphas_cumprod);
  for (float& a : values) a /= 1 - a;
  return copy_of(tensor<float>(values), t.device());
}

Tensor NoiseSchedule::threshold(const Tensor& predicted) const {
  const int64_t B = predicted.size(0), n = predicted.numel() / std::max<int64_t>(B, 1);
  std::vector<float> values = predicted.to_vector<float>();
  for (int64_t b = 0; b < B; ++b) {
    float* const image = values.data() + b * n;
    std::vector<float> sizes(image, image + n);
    for (float& v : sizes) v = std::fabs(v);
    std::ranges::sort(sizes);
    // torch.quantile: linear between two neighbours.
    const double at = config.dynamic_thresholding_ratio * double(n - 1);
    const auto low = size_t(at);
    const float below = sizes[low], above = sizes[std::min(low + 1, sizes.size() - 1)];
    const float quantile = below + (above - below) * float(at - double(low));
    // As clamp: the lower bound first, then the upper.
    const float s = std::min(std::max(quantile, 1.f), float(config.sample_max_value));
    for (int64_t i = 0; i < n; ++i) image[i] = std::clamp(image[i], -s, s) / s;
  }
  return copy_of(copy_of(tensor<float>(values, predicted.shape()), predicted.dtype()),
                 predicted.device());
}

}  // namespace papilio::nn
