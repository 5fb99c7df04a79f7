// A Stable Diffusion folder that is adapted to pictures: what dreambooth and controlnet share.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "samples/papilio/run/diffusion_run.h"
#include "samples/papilio/run/pipeline.h"

namespace papilio::cli {

struct PipelineSettings {
  std::string model = {}, variant = {};
  RunSettings run = {};
  DiffusionSettings diffusion = {};
  DiffusionMethod method = {};
};
// The options, around those of a command's own data: the folder ...
void add_pipeline(Options& options, PipelineSettings& settings);
// ... and what becomes of it, by adapters on the UNet's layers of these names.
void add_pipeline_training(Options& options, PipelineSettings& settings,
                           const std::string& targets);

// Freezes the pipeline but for what the method trains: adapters on its UNet and, if asked, its text
// encoder, or these in full.
void attach_pipeline_method(const Options& options, const PipelineSettings& settings,
                            LoadedPipeline& loaded);

// What a command makes ready.
struct PipelineAdaptation {
  const Options& options;
  const Words& words;
  PipelineSettings& settings;
  LoadedPipeline& loaded;
  nn::Batches data;
  double prior_loss_weight = 1;  // of pictures of the class
  std::string intro = {};
  std::function<void(nlohmann::json&)> add_to_json = {};
};
// Trains, saves, and says all this. Returns the exit code.
int adapt_pipeline(const PipelineAdaptation& adaptation);

}  // namespace papilio::cli
