// How large the demonstration of generation is, and what its parts share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "boft/methods/methods.h"
#include "nn/data/formats/image.h"
#include "nn/data/sources/captioned_images.h"
#include "nn/diffusion/pipeline.h"
#include "samples/papilio/demo/demo.h"
#include "samples/papilio/demo/drawn_scenes.h"
#include "samples/papilio/demo/drawn_world.h"
#include "samples/papilio/diffusion/pipeline_sizes.h"
#include "tensor/tensor.h"

namespace papilio::demo {

struct GenerationPlan {
  int64_t side = 32;  // of the pictures, in pixels
  cli::PipelineSizes sizes = {};
  int64_t pretrain_steps = 0, pretrain_batch = 0;
  double pretrain_rate = 0, kl_weight = 0, average_decay = 0, caption_dropout = 0;
  int64_t eyes_steps = 0;       // of the network whose features measure likeness
  int64_t denoising_steps = 0;  // of every picture
  double guidance = 0;
  int64_t prompts = 0;  // at most, of a measure
  int64_t adapt_steps = 0, adapt_batch = 0, measures = 0;
  int64_t control_steps = 0, control_batch = 0;
  double control_rate = 0;
  size_t rates = 0;  // at most, of a method
};
GenerationPlan generation_plan(bool quick);

// What trains, and the rates that it is tried with.
struct GenerationWay {
  std::string name = {}, label = {};
  std::optional<boft::AdapterConfig> adapter = {};  // none: the whole UNet trains
  std::vector<double> rates = {};
};
std::vector<GenerationWay> generation_ways();
// What the control learns together with.
boft::AdapterConfig control_adapter();
// The same for the pipeline in a folder, which the adapter's files name.
boft::AdapterConfig adapter_for(boft::AdapterConfig config, const std::filesystem::path& pipeline);

class Eyes;  // drawn_eyes.h

// What the parts share.
struct GenerationStage {
  const DemoOptions& options;
  const GenerationPlan& plan;
  const DrawnWorld& world;
  Eyes* eyes = nullptr;  // null before the subjects

  std::FILE* progress() const { return options.quiet ? nullptr : stderr; }
  std::filesystem::path pipeline_folder() const { return options.out / "pipeline"; }
  // The pretrained pipeline, on the device.
  nn::DiffusionPipeline pipeline() const;
  // plan.prompts of them, spread evenly, over what changes fastest too.
  std::vector<Scene> some(const std::vector<Scene>& scenes) const;
  // A picture of each scene's caption; picture i begins with the noise of seed + i. conditioning:
  // (B, 3, side, side) for the pipeline's control, or undefined. Fewer if a signal came.
  std::vector<nn::Image> pictures(nn::DiffusionPipeline& pipeline, const std::vector<Scene>& scenes,
                                  uint64_t seed, const Tensor& conditioning = {}) const;
};

// Trains what is trainable of the pipeline by pipeline_loss, at a constant rate.
struct PipelineLesson {
  nn::CaptionedData data = nullptr;
  int64_t steps = 0, batch_size = 0;
  double lr = 0;
  uint64_t seed = 0;
  std::string title = {};                          // of the progress
  std::function<void(int64_t step)> on_step = {};  // may be empty
};
// False if a signal came.
bool teach(const GenerationStage& stage, nn::DiffusionPipeline& pipeline,
           const PipelineLesson& lesson);

}  // namespace papilio::demo
