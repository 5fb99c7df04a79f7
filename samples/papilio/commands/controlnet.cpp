#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "nn/data/sources/captioned_images.h"
#include "nn/diffusion/pipeline.h"
#include "nn/models/light_controlnet.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/diffusion/adapt_pipeline.h"
#include "samples/papilio/diffusion/pipeline_sizes.h"
#include "samples/papilio/models/pipeline.h"
#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/output/table.h"

namespace papilio::cli {

namespace {

constexpr const char* kTargets = "to_q,to_k,to_v";

struct Settings {
  PipelineSettings pipeline = {.run = {.out = "runs/controlnet",
                                       .training = {.batch_size = 4,
                                                    .lr = 1e-5,
                                                    .weight_decay = 1e-2,
                                                    .warmup = 0,
                                                    .schedule = "constant",
                                                    .checkpoint_steps = 500}},
                               .diffusion = {.steps = 10000, .center_crop = true},
                               .steered = true};
};

bool writes_adapter(const Method& method) {
  return method.config != nullptr;
}

Options declare(Settings& s) {
  Options options(
      "controlnet", "PIPELINE --data FOLDER [options]",
      "Teaches a Stable Diffusion folder to be steered by a picture (edges, poses, silhouettes), "
      "as PEFT's guide has it: the conditioning part of ControlNet (arXiv 2302.05543), whose "
      "output is added once behind the UNet's first convolution, and an adapter on the UNet learn "
      "together. Writes folders controlnet and unet; papilio generate PIPELINE --adapter OUT "
      "--control PICTURE makes pictures with them.");
  options.section("Model and data");
  add_pipeline(options, s.pipeline.folders);
  options
      .add(kDataKey, &s.pipeline.run.data.path, "FOLDER",
           "pictures and a metadata.jsonl or .csv with file_name, text and "
           "conditioning_image_file_name")
      .required();
  options.add("controlnet", &s.pipeline.folders.controlnet, "DIR",
              "folder controlnet of a run before, to begin with");
  add_pipeline_training(options, s.pipeline, kTargets, writes_adapter);
  options.example("papilio controlnet sd15 --data outlines --out runs/outlines");
  options.example(
      "papilio controlnet sd15 --data outlines --method oft -b 8 --max-train-steps 2000");
  return options;
}

}  // namespace

int controlnet(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  PipelineSettings& p = s.pipeline;
  settle_pipeline(options, p);
  const std::string& folder = p.run.data.path;
  const nn::CaptionedData pictures = open_captions(folder);
  check<FileError>(nn::has_conditioning(pictures), folder,
                   ": its metadata names no conditioning pictures (conditioning_image_file_name)");
  LoadedPipeline loaded = open_pipeline(options, p);
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  if (pipeline.control == nullptr) {
    pipeline.control = std::make_unique<nn::LightControlNet>(control_config(pipeline));
    nn::to(*pipeline.control, pipeline.device());
  }
  return adapt_pipeline({.options = options,
                         .words = words,
                         .settings = p,
                         .loaded = loaded,
                         .pictures = pictures,
                         .intro = str(counted(pictures->size(), "picture"),
                                      " with captions and conditioning pictures"),
                         .add_to_json = [&](nlohmann::json& result) {
                           result["control_parameters"] =
                               nn::count_parameters(*pipeline.control).all;
                         }});
}

}  // namespace papilio::cli
