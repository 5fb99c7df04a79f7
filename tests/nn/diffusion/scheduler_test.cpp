#include "nn/diffusion/scheduler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/math.h"
#include "nn/diffusion/ddim.h"
#include "nn/diffusion/ddpm.h"
#include "nn/diffusion/dpm_solver.h"
#include "nn/diffusion/pndm.h"
#include "tensor/creation.h"
#include "tensor/files/detail/json.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using nlohmann::json;

namespace {

std::unique_ptr<nn::Scheduler> make(const json& config, const std::string& instead = "") {
  JsonFields fields(config, "scheduler_config.json");
  return nn::make_scheduler(fields, instead);
}

// make_diffusion.py's: cos(1.7 i + shift).
Tensor wave(const Dims& shape, float shift) {
  std::vector<float> values(16);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::cos(float(i) * 1.7f + shift);
  return tensor<float>(values, shape);
}

}  // namespace

TEST_CASE("schedulers: Diffusers' timesteps and samples over a grid of configurations") {
  const json cases = read_json(golden_diffusion("schedulers.json"));
  CHECK(cases.size() > 150);
  for (const json& c : cases) {
    CAPTURE(c.at("config").dump());
    const auto scheduler = make(c.at("config"));
    const double eta = c.at("eta");
    scheduler->set_timesteps(c.at("steps"));
    const auto timesteps = c.at("timesteps").get<std::vector<int64_t>>();
    REQUIRE(scheduler->timesteps().size() == timesteps.size());
    // Levels between two timesteps are cut down to the lower, and may lie on one but for rounding.
    const json& config = c.at("config");
    const bool cut = config.contains("use_exponential_sigmas") ||
                     (config.contains("use_karras_sigmas") && config.contains("beta_schedule"));
    for (size_t i = 0; i < timesteps.size(); ++i)
      CHECK(std::abs(scheduler->timesteps()[i] - timesteps[i]) <= (cut ? 1 : 0));
    Tensor x = wave({1, 4, 2, 2}, 0.3f);
    float drawn = 1;
    const nn::DrawNoise draw = [&](const Dims& shape) { return wave(shape, drawn++); };
    for (size_t i = 0; i < timesteps.size(); ++i) {
      const float t = float(timesteps[i]) / 100;
      x = scheduler->step(sin(x * 0.2 + t) * 0.8, i, x, draw, eta);
    }
    const auto got = x.to_vector<double>(), want = c.at("sample").get<std::vector<double>>();
    double size = 1, worst = 0;
    for (const double v : want) size = std::max(size, std::abs(v));
    for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
    CHECK(worst < 1e-5 * size);
  }
}

TEST_CASE("noise schedule: Diffusers' noisy samples, velocities and signal-to-noise ratios") {
  const auto a = golden_answers("training");
  const auto scheduler = make({{"_class_name", "DDPMScheduler"},
                               {"beta_start", 0.00085},
                               {"beta_end", 0.012},
                               {"beta_schedule", "scaled_linear"}});
  const nn::NoiseSchedule& s = scheduler->schedule;
  const Tensor &x = a.at("x"), &noise = a.at("noise"), &t = a.at("t");
  CHECK(largest_difference(s.add_noise(x, noise, t), a.at("noisy")) < 1e-6);
  CHECK(largest_difference(s.velocity(x, noise, t), a.at("velocity")) < 1e-6);
  const auto got = s.snr(t).to_vector<double>(), want = a.at("snr").to_vector<double>();
  for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-5));
  CHECK(s.target(x, noise, t).to_vector() == noise.to_vector());
  CHECK_THROWS_WITH_AS(s.add_noise(x, noise, tensor<int64_t>({0, 1, 1000})),
                       "NoiseSchedule: expected timesteps from 0 to 999, got 1000", ArgumentError);
  CHECK_THROWS_WITH_AS(s.add_noise(x, noise, tensor<int64_t>({0})),
                       "NoiseSchedule: expected an int64 timestep for each of 3 samples, got (1)",
                       ArgumentError);
}

TEST_CASE("schedulers: a class, a field or a value that is not to be had is named") {
  const auto refused = [](const json& config, const char* message) {
    CHECK_THROWS_WITH_AS(make(config), doctest::Contains(message), FileError);
  };
  refused({{"_class_name", "EulerDiscreteScheduler"}},
          "_class_name: expected DDPMScheduler (ddpm), DDIMScheduler (ddim), "
          "DPMSolverMultistepScheduler (dpm++) or PNDMScheduler (pndm); one of these can compute "
          "with this noise schedule");
  refused({{"_class_name", "PNDMScheduler"}}, "skip_prk_steps: expected true");
  const json pndm{{"_class_name", "PNDMScheduler"}, {"skip_prk_steps", true}};
  for (const auto& [key, value] : {std::pair<const char*, json>{"prediction_type", "sample"},
                                   {"thresholding", true},
                                   {"rescale_betas_zero_snr", true},
                                   {"clip_sample", true}}) {
    json config = pndm;
    config[key] = value;
    refused(config, key);
  }
  refused(json::object(), "_class_name: expected DDPMScheduler");
  refused({{"_class_name", "DDIMScheduler"}, {"use_flow_sigmas", true}},
          "DDIMScheduler has no field use_flow_sigmas here");
  refused({{"_class_name", "DDPMScheduler"}, {"variance_type", "learned_range"}}, "variance_type");
  refused({{"_class_name", "DDIMScheduler"}, {"beta_schedule", "laplace"}}, "beta_schedule");
  refused({{"_class_name", "DDIMScheduler"}, {"prediction_type", "flow"}}, "prediction_type");
  refused({{"_class_name", "DDIMScheduler"}, {"timestep_spacing", "random"}}, "timestep_spacing");
  refused({{"_class_name", "DDIMScheduler"}, {"trained_betas", {0.1, 0.2}}}, "trained_betas");
  const json dpm{{"_class_name", "DPMSolverMultistepScheduler"}};
  const std::pair<const char*, json> wrong[] = {
      {"use_beta_sigmas", true},    {"use_flow_sigmas", true},      {"variance_type", "learned"},
      {"algorithm_type", "unipc"},  {"solver_type", "euler"},       {"solver_order", 4},
      {"final_sigmas_type", "one"}, {"use_dynamic_shifting", true},
  };
  for (const auto& [key, value] : wrong) {
    json config = dpm;
    config[key] = value;
    refused(config, key);
  }
  json config = dpm;
  config["algorithm_type"] = "dpmsolver";
  refused(config, "algorithm_type dpmsolver needs final_sigmas_type sigma_min");
}

TEST_CASE("schedulers: another class computes with a folder's noise schedule if asked") {
  const json pndm{{"_class_name", "PNDMScheduler"}, {"beta_schedule", "scaled_linear"},
                  {"beta_start", 0.00085},          {"beta_end", 0.012},
                  {"skip_prk_steps", true},         {"prediction_type", "v_prediction"}};
  CHECK(make(pndm)->class_name() == "PNDMScheduler");
  CHECK(make({{"_class_name", "DDIMScheduler"}}, "pndm")->class_name() == "PNDMScheduler");
  const auto ddim = make(pndm, "ddim");
  CHECK(ddim->class_name() == "DDIMScheduler");
  CHECK(ddim->schedule.config.beta_end == 0.012);
  CHECK(ddim->schedule.config.prediction_type == nn::Prediction::v);
  CHECK(make(pndm, "dpm++")->class_name() == "DPMSolverMultistepScheduler");
  CHECK(make(pndm, "DDPMScheduler")->class_name() == "DDPMScheduler");
  CHECK_THROWS_WITH_AS(make(pndm, "euler"), doctest::Contains("got euler"), ArgumentError);
}

// Python writes it so: no JSON.
TEST_CASE("schedulers: a file's -Infinity is read") {
  const TemporaryFolder folder;
  std::ofstream(folder / "s.json") << R"({"_class_name": "DPMSolverMultistepScheduler",
                                          "lambda_min_clipped": -Infinity, "solver_order": 2})";
  CHECK(nn::load_scheduler(folder / "s.json")->class_name() == "DPMSolverMultistepScheduler");
}

TEST_CASE("schedulers: steps come in their order and number") {
  const auto dpm = make({{"_class_name", "DPMSolverMultistepScheduler"}});
  dpm->set_timesteps(4);
  const Tensor x = zeros({1, 1, 2, 2});
  CHECK_THROWS_WITH_AS(dpm->step(x, 1, x, nullptr, 0),
                       "DPMSolverMultistepScheduler: expected steps in their order, step 0 of 4, "
                       "got 1",
                       ArgumentError);
  for (const int64_t wrong : {int64_t(0), int64_t(1001)})
    CHECK_THROWS_WITH_AS(dpm->set_timesteps(wrong),
                         doctest::Contains("expected 1 to 1000 steps, got"), ArgumentError);
  const auto ddim = make({{"_class_name", "DDIMScheduler"}, {"steps_offset", 5}});
  CHECK_THROWS_WITH_AS(ddim->set_timesteps(1000),
                       doctest::Contains("begin at timestep 1004, beyond the last, 999"),
                       ArgumentError);
}

TEST_CASE("schedulers: every field of their files is written again") {
  const TemporaryFolder folder;
  const auto file = folder / "scheduler_config.json";
  const auto expect_back = [&](const nn::Scheduler& scheduler, const char* key,
                               const std::string& value) {
    nn::save_scheduler(scheduler, file);
    const auto again = nn::load_scheduler(file);
    CHECK(again->class_name() == scheduler.class_name());
    CHECK(again->config_fields() == scheduler.config_fields());
    CHECK(again->config_fields().at(key) == value);
    CHECK(again->schedule.alphas_cumprod == scheduler.schedule.alphas_cumprod);
  };
  nn::NoiseScheduleConfig noise{.num_train_timesteps = 20,
                                .beta_start = 0.001,
                                .beta_end = 0.3,
                                .beta_schedule = "scaled_linear",
                                .rescale_betas_zero_snr = true,
                                .prediction_type = nn::Prediction::v,
                                .timestep_spacing = "trailing",
                                .steps_offset = 1,
                                .thresholding = true,
                                .dynamic_thresholding_ratio = 0.9,
                                .sample_max_value = 2};
  expect_back(nn::DDIMScheduler({.noise = noise, .clip_sample = false, .set_alpha_to_one = false}),
              "set_alpha_to_one", "false");
  noise.prediction_type = nn::Prediction::sample;
  expect_back(nn::DDPMScheduler({.noise = noise, .variance_type = "fixed_large"}),
              "prediction_type", "\"sample\"");
  noise.trained_betas = std::vector<double>(20, 0.1);
  noise.rescale_betas_zero_snr = noise.thresholding = false;
  expect_back(nn::DPMSolverMultistepScheduler({.noise = noise,
                                               .solver_order = 3,
                                               .heun = true,
                                               .use_karras_sigmas = true,
                                               .final_sigma_zero = false}),
              "final_sigmas_type", "\"sigma_min\"");
  expect_back(nn::PNDMScheduler(
                  {.noise = {.prediction_type = nn::Prediction::v}, .set_alpha_to_one = true}),
              "set_alpha_to_one", "true");
}

}  // namespace papilio::test
