// A Stable Diffusion folder that is adapted to pictures: what dreambooth and controlnet share.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "nn/data/sources/captioned_images.h"
#include "samples/papilio/diffusion/diffusion_run.h"
#include "samples/papilio/models/pipeline.h"
#include "samples/papilio/options/diffusion_options.h"
#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/run/training_run.h"

namespace papilio::cli {

struct PipelineSettings {
  PipelineFolders folders = {};
  RunSettings run = {};
  DiffusionSettings diffusion = {};
  DiffusionMethod method = {};
  bool steered = false;           // by pictures, as a ControlNet is
  std::string adapter_name = {};  // of adapters where PEFT's guides look for them; "": nowhere
};
// The options of what becomes of the folder, by adapters on the UNet's layers of these names, or by
// another method that `takes` names.
void add_pipeline_training(Options& options, PipelineSettings& settings, const std::string& targets,
                           bool (*takes)(const Method&));
// Settles them. Throws UsageError for what means nothing here.
void settle_pipeline(Options& options, PipelineSettings& settings);

// The pipeline on the run's device; what is drawn from here on is drawn by --seed.
LoadedPipeline open_pipeline(const Options& options, const PipelineSettings& settings);

// What a command makes ready.
struct PipelineAdaptation {
  const Options& options;
  const Words& words;
  PipelineSettings& settings;
  LoadedPipeline& loaded;
  nn::CaptionedData pictures, class_images = nullptr;
  double prior_loss_weight = 1;  // of pictures of the class
  std::string intro;
  std::function<void(nlohmann::json&)> add_to_json = {};  // may be null
};
// Freezes the pipeline but for its control and what the method trains: adapters on the UNet and, if
// asked, the text encoder, or these in full. Trains, saves, and says all this. Returns the exit
// code.
int adapt_pipeline(const PipelineAdaptation& adaptation);

}  // namespace papilio::cli
