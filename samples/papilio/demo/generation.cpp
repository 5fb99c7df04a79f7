#include "samples/papilio/demo/generation.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "autograd/grad_mode.h"
#include "nn/data/batch_source.h"
#include "nn/data/sources/captioned_images.h"
#include "nn/diffusion/captioned_batches.h"
#include "nn/diffusion/pipeline.h"
#include "nn/eval_mode.h"
#include "nn/module.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/demo/drawn_eyes.h"
#include "samples/papilio/demo/drawn_measures.h"
#include "samples/papilio/demo/drawn_scenes.h"
#include "samples/papilio/demo/drawn_world.h"
#include "samples/papilio/demo/generation_control.h"
#include "samples/papilio/demo/generation_plan.h"
#include "samples/papilio/demo/generation_pretraining.h"
#include "samples/papilio/demo/generation_rates.h"
#include "samples/papilio/demo/generation_subject.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/run/interrupt.h"
#include "tensor/copy.h"

namespace papilio::demo {

namespace {

constexpr uint64_t kShowSeed = 500'000;  // of pictures that are shown and not trained on

// Every so many of the scenes.
std::vector<Scene> every(const std::vector<Scene>& scenes, size_t step) {
  std::vector<Scene> some;
  for (size_t i = 0; i < scenes.size(); i += step) some.push_back(scenes[i]);
  return some;
}

// Drawn, through the VAE and back.
std::vector<nn::Image> rebuilt(nn::DiffusionPipeline& pipeline, const nn::CaptionedData& pictures) {
  const NoGrad no_grad;
  const nn::Batches batches =
      nn::captioned_batches(pictures, [](const std::string&) { return std::vector<int64_t>{0}; },
                            {.size = pipeline.default_side()});
  const Tensor inputs = copy_of(nn::whole_batch(*batches).inputs, pipeline.device());
  const Tensor shown = pipeline.decode_latents(pipeline.encode_images(inputs));
  std::vector<nn::Image> images;
  for (int64_t i = 0; i < shown.size(0); ++i) images.push_back(nn::image_of(shown, i));
  return images;
}

// What a caption's latents look like after each step of the scheduler.
std::vector<nn::Image> denoised(const GenerationStage& stage, nn::DiffusionPipeline& pipeline,
                                const Scene& scene, uint64_t seed) {
  const NoGrad no_grad;
  const int64_t side = stage.plan.side;
  const Tensor noise = nn::initial_latents(pipeline, 1, side, side, seed);
  std::vector<nn::Image> steps{nn::image_of(pipeline.decode_latents(noise), 0)};
  nn::denoise(pipeline, noise, pipeline.encode_prompts({caption(scene)}),
              pipeline.encode_prompts({""}),
              {.steps = stage.plan.denoising_steps,
               .guidance_scale = stage.plan.guidance,
               .on_step = [&](int64_t, const Tensor& latents) {
                 steps.push_back(nn::image_of(pipeline.decode_latents(latents), 0));
                 return cli::Interruptible::signal() == 0;
               }});
  return steps;
}

// What the pretrained pipeline makes of the world.
void show_world(const GenerationStage& stage, GenerationResults& results) {
  nn::DiffusionPipeline pipeline = stage.pipeline();
  results.unet_parameters = nn::count_parameters(*pipeline.unet).all;
  results.vae_parameters = nn::count_parameters(*pipeline.vae).all;
  results.text_parameters = nn::count_parameters(*pipeline.text_encoder).all;
  results.tokens = pipeline.tokenizer->size();
  std::vector<Scene> scenes = every(all_scenes(), 13);
  for (const Scene& digit : every(digit_scenes(), 11)) scenes.push_back(digit);
  scenes = stage.some(scenes);
  const nn::CaptionedData drawn = drawn_pictures(stage.world, scenes, 1, stage.plan.side,
                                                 stage.options.seed + kShowSeed, false);
  for (int64_t i = 0; i < drawn->size(); ++i) {
    results.world_prompts.push_back(caption(scenes[size_t(i)]));
    results.world.push_back(drawn->sample(i).read());
  }
  const uint64_t noise = stage.options.seed + kShowSeed;
  results.world_rebuilt = rebuilt(pipeline, drawn);
  results.world_samples = stage.pictures(pipeline, scenes, noise);
  if (results.world_samples.empty()) return;
  results.world_fidelity = fidelity(results.world_samples, scenes);
  results.denoising = denoised(stage, pipeline, scenes.front(), noise);
}

}  // namespace

GenerationResults generation_results(const DemoOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const auto stopped = [] { return cli::Interruptible::signal() != 0; };
  const GenerationPlan plan = generation_plan(options.quick);
  const DrawnWorld world(cli::all_digits());
  GenerationStage stage{.options = options, .plan = plan, .world = world};
  GenerationResults results{.pretrain_steps = plan.pretrain_steps,
                            .adapt_steps = plan.adapt_steps,
                            .denoising_steps = plan.denoising_steps,
                            .guidance = plan.guidance};
  const PretrainedPipeline pretrained = pretrain_pipeline(stage);
  results.pretrain_pictures = pretrained.pictures, results.cached = pretrained.cached;
  results.pretrain_seconds = pretrained.seconds;
  if (!pretrained.whole) return results;
  show_world(stage, results);
  results.interrupted = stopped();
  if (results.interrupted) return results;
  Eyes eyes(world, plan.side, options.seed, plan.eyes_steps);
  stage.eyes = &eyes;
  if (!stopped()) {
    results.eyes = eyes.accuracy();
    Rates rates;
    results.subjects.push_back(learn_subject(stage, ring_task(), rates));
    if (!stopped()) results.control = learn_control(stage);
    if (!stopped()) results.subjects.push_back(learn_subject(stage, five_task(), rates));
  }
  results.interrupted = stopped();
  results.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return results;
}

}  // namespace papilio::demo
