// Schedulers: how a sample of noise becomes a picture in a few steps of a model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/diffusion/noise_schedule.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// Draws N(0, 1) of a shape, for steps that add noise.
using DrawNoise = std::function<Tensor(const Dims& shape)>;

// Usage:
//   scheduler->set_timesteps(50);
//   for (size_t i = 0; i < scheduler->timesteps().size(); ++i)
//     x = scheduler->step(model(x, scheduler->timesteps()[i]), i, x, draw, eta);
struct Scheduler {
  NoiseSchedule schedule;

  explicit Scheduler(const NoiseScheduleConfig& config) : schedule(config) {}
  virtual ~Scheduler() = default;

  // Diffusers' name of its class.
  virtual std::string class_name() const = 0;
  // Its configuration, as a scheduler_config.json has it.
  virtual ConfigFields config_fields() const = 0;
  // Chooses the timesteps of a run of that many steps, the noisiest first, and forgets the run
  // before. Throws ArgumentError for less than one or more than training had.
  virtual void set_timesteps(int64_t steps);
  const std::vector<int64_t>& timesteps() const { return timesteps_; }
  // The sample of timesteps()[i + 1] from what the model says of `sample` at timesteps()[i]; steps
  // are taken in order. Of the noise that DDPM's steps draw, DDIM's draw eta times as much; the
  // others heed no eta. Without gradient.
  virtual Tensor step(const Tensor& model_output, size_t i, const Tensor& sample,
                      const DrawNoise& draw, double eta) = 0;

 protected:
  // The fields that all schedulers have, and `own`.
  ConfigFields with_schedule_fields(const ConfigFields& own) const;
  // `steps` timesteps below `last`, spaced as timestep_spacing says; of `more` further ones, at the
  // end of the run, none is kept.
  std::vector<int64_t> spaced(int64_t steps, int64_t more, int64_t last) const;
  // What the model says of the sample without noise, and of the noise, given alpha_bar.
  Tensor predicted_sample(const Tensor& model_output, const Tensor& sample, float alpha_bar) const;
  Tensor predicted_noise(const Tensor& model_output, const Tensor& sample, float alpha_bar) const;
  // A predicted sample within its dynamic threshold, else, if `clip`, within [-range, range].
  Tensor limited(const Tensor& predicted, bool clip, double range) const;
  // alpha_bar at timestep t; behind the last one, t < 0, that of no noise or of timestep 0.
  float alpha_bar(int64_t t, bool ends_without_noise) const;

  std::vector<int64_t> timesteps_;
  int64_t distance_ = 1;  // of two timesteps, if each step is as long
};

// The scheduler that a scheduler_config.json describes: DDPMScheduler, DDIMScheduler,
// DPMSolverMultistepScheduler or PNDMScheduler. With `instead`, one of these names or ddpm, ddim,
// dpm++, pndm, that one with the noise schedule of the file, whatever class it is of. Throws
// FileError that names the key for a class, a value or a field that is not to be had; FileError for
// a file that is broken.
std::unique_ptr<Scheduler> load_scheduler(const std::filesystem::path& file,
                                          const std::string& instead = "");
// The same of a document's fields.
std::unique_ptr<Scheduler> make_scheduler(JsonFields& fields, const std::string& instead = "");
// Writes its file, atomically. Throws FileError.
void save_scheduler(const Scheduler& scheduler, const std::filesystem::path& file);

}  // namespace papilio::nn
