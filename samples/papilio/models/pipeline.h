// A Stable Diffusion folder with its adapters and its control, ready to use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "boft/model/model.h"
#include "nn/diffusion/pipeline.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

// Where its parts are; "" of those that are not asked for.
struct PipelineFolders {
  std::string model = {};
  std::string adapter = {};  // the UNet's, or a folder with unet, text_encoder and controlnet in it
  std::string text_encoder_adapter = {}, controlnet = {};
  std::string variant = {}, scheduler = {};  // nn::PipelineOptions
  int64_t adapter_step = 0;  // of a folder with adapters of several steps; 0: the result's
  bool ignore_unused = false;
};

// The options PIPELINE and --variant.
void add_pipeline(Options& options, PipelineFolders& folders);

struct LoadedPipeline {
  nn::DiffusionPipeline pipeline;
  std::unique_ptr<boft::AdapterModel> unet, text_encoder;  // null without
  std::vector<std::string> warnings;
};

// In evaluation mode. Throws FileError for what is missing, broken or does not go together.
LoadedPipeline load_pipeline(const PipelineFolders& folders);

}  // namespace papilio::cli
