// A command that trains a diffusion pipeline, from what it made ready to its exit code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "nn/diffusion/captioned_batches.h"
#include "nn/diffusion/pipeline.h"
#include "samples/papilio/options/diffusion_options.h"
#include "samples/papilio/run/pipeline.h"
#include "samples/papilio/run/training_run.h"

namespace papilio::cli {

// Freezes the pipeline but for what the method trains: adapters on its UNet and, if asked, its text
// encoder, or these in full. `folder` is the pipeline's.
void attach_diffusion_method(const Options& options, const DiffusionMethod& settings,
                             const std::string& folder, LoadedPipeline& loaded);
// Writes what was attached: unet and text_encoder with PEFT's files, and the control's folder, if
// there is one; without adapters the whole pipeline as it was read from `folder`.
void save_trained(LoadedPipeline& loaded, const std::filesystem::path& folder,
                  const std::filesystem::path& out);

// Batches of captioned pictures for this pipeline. Throws UsageError for a resolution that its
// latents do not divide, and FileError for a caption with too many tokens.
nn::Batches diffusion_batches(nn::DiffusionPipeline& pipeline, const nn::CaptionedData& data,
                              DiffusionSettings& settings,
                              const nn::CaptionedData& class_images = nullptr);

// What a command makes ready.
struct DiffusionRun {
  const Options& options;
  const RunSettings& settings;
  nn::Module& model;  // everything that is trainable in it trains
  nn::DiffusionPipeline& pipeline;
  nn::Batches data;
  int64_t steps = 0, workers = 0;
  nn::Loss loss;
  ResultKind kind = ResultKind::adapter;
  WriteFolder save;
  const boft::AdapterModel* adapters = nullptr;  // the UNet's, if it has any
  std::string title, intro;
  std::function<void(nlohmann::json&)> add_to_json;
};
// Trains, saves, and says all this. Returns the exit code.
int run_diffusion(const DiffusionRun& run);

}  // namespace papilio::cli
