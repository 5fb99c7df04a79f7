#include "samples/papilio/demo/generation_plan.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

#include "boft/methods/boft.h"
#include "boft/methods/lora.h"
#include "boft/methods/oft.h"
#include "nn/data/batch_source.h"
#include "nn/data/loader.h"
#include "nn/diffusion/captioned_batches.h"
#include "nn/diffusion/diffusion_loss.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "nn/optim/schedule.h"
#include "nn/train/fit.h"
#include "nn/train/progress.h"
#include "samples/papilio/demo/drawn_eyes.h"
#include "samples/papilio/diffusion/picture_maker.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "tensor/random.h"

namespace papilio::demo {

GenerationPlan generation_plan(bool quick) {
  GenerationPlan plan{.side = 16,
                      .sizes = {.unet_channels = {32, 64, 64},
                                .vae_channels = {16, 32},
                                .text_layers = 1,
                                .max_tokens = 12},
                      .pretrain_steps = 7000,
                      .pretrain_batch = 8,
                      .pretrain_rate = 2e-3,
                      .kl_weight = 1e-6,
                      .average_decay = 0.999,
                      .caption_dropout = 0.1,
                      .eyes_steps = Eyes::kSteps,
                      .denoising_steps = 10,
                      .guidance = 2,
                      .prompts = 20,
                      .adapt_steps = 120,
                      .adapt_batch = 5,
                      .measures = 4,
                      .control_steps = 300,
                      .control_batch = 16,
                      .control_rate = 2e-3,
                      .rates = 3};
  if (!quick) return plan;
  plan.pretrain_steps = plan.eyes_steps = plan.control_steps = 4;
  plan.pretrain_batch = plan.control_batch = 4;
  plan.denoising_steps = 2, plan.prompts = 4;
  plan.adapt_steps = 2, plan.measures = 2, plan.rates = 1;
  return plan;
}

namespace {

const boft::ModuleNames& targets() {
  static const boft::ModuleNames names{"to_q", "to_k", "to_v", "to_out.0"};
  return names;
}

boft::BoftConfig boft_config() {
  return {.boft_block_size = 4, .boft_n_butterfly_factor = 2, .target_modules = targets()};
}

}  // namespace

std::vector<GenerationWay> generation_ways() {
  boft::OftConfig oft{.oft_block_size = 8};
  oft.use_cayley_neumann = false;
  boft::LoraConfig lora{.r = 4, .lora_alpha = 8};
  oft.target_modules = lora.target_modules = targets();
  return {{.name = "boft",
           .label = "BOFT b=4 m=2",
           .adapter = boft_config(),
           .rates = {3e-3, 1e-2, 3e-2}},
          {.name = "oft", .label = "OFT b=8", .adapter = oft, .rates = {3e-3, 1e-2, 3e-2}},
          {.name = "lora", .label = "LoRA r=4", .adapter = lora, .rates = {1e-3, 3e-3, 1e-2}},
          {.name = "full", .label = "full finetuning", .rates = {1e-4, 3e-4, 1e-3}}};
}

boft::AdapterConfig control_adapter() {
  return boft_config();
}

boft::AdapterConfig adapter_for(boft::AdapterConfig config, const std::filesystem::path& pipeline) {
  std::visit([&](auto& c) { c.base_model_name_or_path = pipeline.string(); }, config);
  return config;
}

nn::DiffusionPipeline GenerationStage::pipeline() const {
  std::vector<std::string> warnings;
  nn::DiffusionPipeline pipeline = nn::load_pipeline(pipeline_folder(), warnings);
  nn::to(pipeline, options.device);
  nn::set_trainable(pipeline, false);
  nn::eval(pipeline);
  return pipeline;
}

std::vector<Scene> GenerationStage::some(const std::vector<Scene>& scenes) const {
  const size_t count = std::min(scenes.size(), size_t(plan.prompts));
  std::vector<Scene> chosen;
  const size_t apart = count == 0 ? 1 : scenes.size() / count;
  // One of each stretch, a place further each time: else all might have one background.
  for (size_t i = 0; i < count; ++i) chosen.push_back(scenes[i * apart + i % apart]);
  return chosen;
}

std::vector<nn::Image> GenerationStage::pictures(nn::DiffusionPipeline& pipeline,
                                                 const std::vector<Scene>& scenes, uint64_t seed,
                                                 const Tensor& conditioning) const {
  std::vector<cli::WantedPicture> wanted;
  for (const Scene& scene : scenes) wanted.push_back({caption(scene), seed + wanted.size()});
  std::vector<nn::Image> made;
  cli::make_pictures(pipeline, wanted,
                     {.steps = plan.denoising_steps,
                      .batch_size = int64_t(wanted.size()),
                      .guidance_scale = plan.guidance,
                      .conditioning = conditioning},
                     nullptr, [&](size_t, const nn::Image& image) { made.push_back(image); });
  return made;
}

bool teach(const GenerationStage& stage, nn::DiffusionPipeline& pipeline,
           const PipelineLesson& lesson) {
  const nn::Batches batches = nn::captioned_batches(
      lesson.data, [&pipeline](const std::string& caption) { return pipeline.prompt_ids(caption); },
      {.size = stage.plan.side});
  nn::Loader loader(batches, {.batch_size = lesson.batch_size, .seed = lesson.seed});
  nn::AdamW optimizer(nn::parameter_groups(pipeline, {.weight_decay = 0.01}), {.lr = lesson.lr});
  nn::Progress progress(stage.progress(), lesson.title, lesson.steps);
  progress.set_unit("pictures");
  nn::fit(pipeline, [&](const nn::Batch& batch) { return nn::pipeline_loss(pipeline, batch); },
          loader, optimizer,
          {.steps = lesson.steps,
           .schedule = {.kind = nn::Schedule::Kind::constant, .warmup_steps = lesson.steps / 20},
           .on_step = [&](const nn::StepReport& r) {
             progress.update(r.step, r.samples, "loss " + cli::short_number(r.loss));
             if (lesson.on_step) lesson.on_step(r.step);
             return cli::Interruptible::signal() == 0;
           }});
  progress.finish();
  return cli::Interruptible::signal() == 0;
}

}  // namespace papilio::demo
