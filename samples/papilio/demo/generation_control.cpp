#include "samples/papilio/demo/generation_control.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "autograd/ops/join.h"
#include "boft/files/checkpoint.h"
#include "boft/model/model.h"
#include "nn/data/formats/image.h"
#include "nn/diffusion/pipeline.h"
#include "nn/eval_mode.h"
#include "nn/layers/conv2d.h"
#include "nn/models/light_controlnet.h"
#include "nn/module.h"
#include "samples/papilio/demo/drawn_measures.h"
#include "samples/papilio/demo/drawn_scenes.h"
#include "samples/papilio/demo/drawn_world.h"
#include "samples/papilio/diffusion/picture_maker.h"
#include "samples/papilio/diffusion/pipeline_sizes.h"
#include "samples/papilio/run/interrupt.h"
#include "tensor/random.h"

namespace papilio::demo {

namespace {

constexpr uint64_t kUnseen = 1'000'000;  // of silhouettes that nothing was trained on

// What is asked, with the silhouettes.
struct Questions {
  std::vector<Scene> scenes = {};
  std::vector<nn::Image> silhouettes = {};
  Tensor conditioning = {};
};

Questions questions(const GenerationStage& stage) {
  Questions asked{.scenes = stage.some(control_scenes())};
  std::vector<Tensor> all;
  for (size_t i = 0; i < asked.scenes.size(); ++i) {
    asked.silhouettes.push_back(
        stage.world.silhouette(asked.scenes[i], stage.plan.side, stage.options.seed + kUnseen + i));
    all.push_back(cli::conditioning_of(asked.silhouettes.back()));
  }
  asked.conditioning = concat(all, 0);
  return asked;
}

SteeredPictures steered(const GenerationStage& stage, nn::DiffusionPipeline& pipeline,
                        const Questions& asked, const char* label) {
  const nn::EvalMode eval_mode(pipeline);
  SteeredPictures way{.label = label};
  way.samples = stage.pictures(pipeline, asked.scenes, stage.options.seed + kUnseen,
                               pipeline.control == nullptr ? Tensor() : asked.conditioning);
  for (size_t i = 0; i < way.samples.size(); ++i) {
    way.iou += intersection_over_union(way.samples[i], asked.silhouettes[i]);
    way.centre_error += centre_error(way.samples[i], asked.silhouettes[i]);
  }
  const auto count = double(std::max<size_t>(1, way.samples.size()));
  way.iou /= count, way.centre_error /= count;
  return way;
}

std::unique_ptr<nn::LightControlNet> new_control(const nn::DiffusionPipeline& pipeline) {
  auto control = std::make_unique<nn::LightControlNet>(cli::control_config(pipeline));
  nn::to(*control, pipeline.device());
  return control;
}

}  // namespace

ControlResults learn_control(const GenerationStage& stage) {
  const GenerationPlan& plan = stage.plan;
  nn::DiffusionPipeline pipeline = stage.pipeline();
  manual_seed(stage.options.seed);
  const Questions asked = questions(stage);
  ControlResults results{.steps = plan.control_steps, .silhouettes = asked.silhouettes};
  for (const Scene& scene : asked.scenes) results.prompts.push_back(caption(scene));
  results.ways.push_back(steered(stage, pipeline, asked, "no control"));

  // A new control changes nothing: its last convolution is zero. One that is drawn like the others
  // is untrained too, and says something.
  pipeline.control = new_control(pipeline);
  nn::Conv2d& last = pipeline.control->controlnet_cond_embedding.conv_out;
  const nn::Conv2d drawn(last.weight.size(1), last.weight.size(0), {3, 3}, last.options);
  last.weight = drawn.weight, last.bias = drawn.bias;
  nn::to(*pipeline.control, pipeline.device());
  results.ways.push_back(steered(stage, pipeline, asked, "untrained control"));

  pipeline.control = new_control(pipeline);
  results.parameters = nn::count_parameters(*pipeline.control).all;
  boft::AdapterModel adapters(*pipeline.unet);
  adapters.add_adapter("default", adapter_for(control_adapter(), stage.pipeline_folder()));
  const std::vector<Scene> scenes = control_scenes();
  const int64_t pictures = plan.control_steps * plan.control_batch;
  const int64_t copies = (pictures + int64_t(scenes.size()) - 1) / int64_t(scenes.size());
  const bool whole = teach(
      stage, pipeline,
      {.data = drawn_pictures(stage.world, scenes, copies, plan.side, stage.options.seed, true),
       .steps = plan.control_steps,
       .batch_size = plan.control_batch,
       .lr = plan.control_rate,
       .seed = stage.options.seed,
       .title = "control by silhouettes"});
  if (!whole) return {};
  results.ways.push_back(steered(stage, pipeline, asked, "trained control"));
  nn::save_light_controlnet(*pipeline.control, stage.options.out / "control" / "controlnet");
  boft::save_adapter(adapters, stage.options.out / "control" / "unet");
  return cli::Interruptible::signal() == 0 ? std::move(results) : ControlResults{};
}

}  // namespace papilio::demo
