// DPM-Solver and DPM-Solver++, multistep. Lu and others: arXiv 2206.00927 and 2211.01095.
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

// Diffusers' fields and defaults; noise.timestep_spacing is linspace.
struct DPMSolverConfig {
  NoiseScheduleConfig noise;
  int64_t solver_order = 2;                    // 1 to 3
  std::string algorithm_type = "dpmsolver++";  // or dpmsolver, sde-dpmsolver++, sde-dpmsolver
  bool heun = false;                           // solver_type of the second order; else midpoint
  bool lower_order_final = true;               // of runs below 15 steps
  bool euler_at_final = false;
  // Noise levels of another spacing: Karras and others', arXiv 2206.00364; of equal distances in
  // the logarithm; Lu and others'.
  bool use_karras_sigmas = false, use_exponential_sigmas = false, use_lu_lambdas = false;
  bool final_sigma_zero = true;        // final_sigmas_type "zero", else "sigma_min"
  double lambda_min_clipped = -1e308;  // timesteps of a lower log(alpha / sigma) are left out
};

// Keeps what the model said in the last solver_order steps. Noise is drawn by the sde algorithms
// only.
struct DPMSolverMultistepScheduler : Scheduler {
  DPMSolverConfig config;

  // Throws ArgumentError for settings that contradict each other.
  explicit DPMSolverMultistepScheduler(const DPMSolverConfig& config);
  std::string class_name() const override { return "DPMSolverMultistepScheduler"; }
  ConfigFields config_fields() const override;
  void set_timesteps(int64_t steps) override;
  Tensor step(const Tensor& model_output, size_t i, const Tensor& sample, const DrawNoise& draw,
              double eta) override;

 private:
  struct Level;  // alpha, sigma and log(alpha / sigma)
  Level level(size_t i) const;
  void space_sigmas(int64_t steps, const std::vector<float>& training);
  Tensor converted(const Tensor& output, const Tensor& sample, const Level& at) const;

  std::vector<float> sigmas_;    // one more than timesteps
  std::vector<Tensor> outputs_;  // converted, the last one last
  size_t taken_ = 0;             // steps
};

// That of a scheduler_config.json. Throws FileError that names the key.
std::unique_ptr<Scheduler> make_dpm_solver(JsonFields& fields);

}  // namespace papilio::nn
