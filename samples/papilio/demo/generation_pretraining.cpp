#include "samples/papilio/demo/generation_pretraining.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "nn/data/batch_source.h"
#include "nn/data/loader.h"
#include "nn/diffusion/captioned_batches.h"
#include "nn/diffusion/ddim.h"
#include "nn/diffusion/noise_schedule.h"
#include "nn/diffusion/pipeline.h"
#include "nn/diffusion/pipeline_pretraining.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "nn/text/tokenizer.h"
#include "nn/text/train_bpe.h"
#include "nn/train/fit.h"
#include "nn/train/model_average.h"
#include "nn/train/progress.h"
#include "samples/papilio/demo/drawn_scenes.h"
#include "samples/papilio/demo/drawn_world.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "samples/papilio/version.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/random.h"

namespace papilio::demo {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRecord = "pretraining.json";  // beside the pipeline's parts
constexpr int64_t kVocabulary = 800;                 // at most
constexpr double kTextGain = 2;
constexpr int kRecipe = 1;  // to raise if what new_pipeline and the training fix changes

std::vector<Scene> world_scenes() {
  std::vector<Scene> scenes;
  for (const auto& part : {all_scenes(), digit_scenes(), control_scenes()})
    scenes.insert(scenes.end(), part.begin(), part.end());
  return scenes;
}

// Learned from every caption, the subjects' too: their word is a token that no picture has.
nn::Tokenizer world_tokenizer() {
  std::vector<std::string> captions;
  for (const auto& part : {world_scenes(), subject_prompts(), digit_subject_prompts()})
    for (const Scene& scene : part) captions.push_back(caption(scene));
  const std::vector<std::string_view> views(captions.begin(), captions.end());
  return nn::train_clip_tokenizer(views, kVocabulary);
}

nn::DiffusionPipeline new_pipeline(const GenerationPlan& plan) {
  nn::Tokenizer tokenizer = world_tokenizer();
  nn::PipelineConfig config = cli::pipeline_config(plan.sizes, plan.side, tokenizer.size());
  // The lowest level attends to the caption too: there it is decided where things are.
  config.unet.down_block_types.back() = "CrossAttnDownBlock2D";
  config.unet.up_block_types.front() = "CrossAttnUpBlock2D";
  // So few latents are seen through much noise. With DDPM's betas half of the timesteps hide what
  // is there, and the last one all of it: only the caption says it then.
  nn::NoiseScheduleConfig& noise = config.scheduler.noise;
  noise.beta_schedule = "linear";
  noise.beta_start = 0.0001, noise.beta_end = 0.02;
  noise.prediction_type = nn::Prediction::v;
  noise.rescale_betas_zero_snr = true;
  noise.timestep_spacing = "trailing";
  nn::DiffusionPipeline pipeline = nn::make_pipeline(config, std::move(tokenizer));
  // What the text says is louder than the noise from the first step on.
  const NoGrad no_grad;
  Tensor& gain = pipeline.text_encoder->final_layer_norm.weight;
  copy_(gain, full(gain.shape(), kTextGain));
  return pipeline;
}

// All that the result follows from.
nlohmann::json settings_of(const GenerationStage& stage, const nn::Batches& data) {
  const GenerationPlan& p = stage.plan;
  Generator generator(0);
  std::vector<int64_t> some;
  for (int64_t i = 0; i < 16; ++i) some.push_back(i * data->size() / 16);
  double pixels = 0;
  for (const float v : data->batch(some, generator).inputs.to_vector<float>()) pixels += v;
  return {{"version", cli::kVersion},
          {"recipe", kRecipe},
          {"data", data->digest()},
          {"pixels", pixels},
          {"side", p.side},
          {"unet_channels", p.sizes.unet_channels},
          {"vae_channels", p.sizes.vae_channels},
          {"latent_channels", p.sizes.latent_channels},
          {"layers_per_block", p.sizes.layers_per_block},
          {"heads", p.sizes.heads},
          {"text_width", p.sizes.text_width},
          {"text_layers", p.sizes.text_layers},
          {"max_tokens", p.sizes.max_tokens},
          {"steps", p.pretrain_steps},
          {"batch_size", p.pretrain_batch},
          {"lr", p.pretrain_rate},
          {"kl_weight", p.kl_weight},
          {"average_decay", p.average_decay},
          {"caption_dropout", p.caption_dropout},
          {"seed", stage.options.seed}};
}

// The record of the pipeline in the folder; null if it is another's, or none is whole.
nlohmann::json record_in(const fs::path& folder, const nlohmann::json& settings) {
  std::error_code error;
  if (!fs::exists(folder / kRecord, error) || !nn::is_pipeline_folder(folder)) return nullptr;
  const auto record = nlohmann::json::parse(read_file(folder / kRecord), nullptr, false);
  return record.is_object() && record.value("settings", nlohmann::json()) == settings
             ? record
             : nlohmann::json();
}

// False if a signal ended it.
bool train(const GenerationStage& stage, nn::DiffusionPipeline& pipeline, const nn::Batches& data) {
  const GenerationPlan& plan = stage.plan;
  nn::PipelinePretraining pretraining(pipeline);
  pretraining.kl_weight = plan.kl_weight;
  nn::Loader loader(data, {.batch_size = plan.pretrain_batch, .seed = stage.options.seed});
  nn::AdamW optimizer(nn::parameter_groups(pretraining, {.weight_decay = 0.01}),
                      {.lr = plan.pretrain_rate});
  nn::ModelAverage average(pretraining, plan.average_decay);
  nn::Progress progress(stage.progress(), "pretrain on drawn pictures", plan.pretrain_steps);
  progress.set_unit("pictures");
  int64_t made = 0;
  nn::fit(
      pretraining, [&](const nn::Batch& batch) { return pretraining.loss(batch); }, loader,
      optimizer,
      {.steps = plan.pretrain_steps,
       .average = &average,
       .schedule = {.warmup_steps = plan.pretrain_steps / 20, .total_steps = plan.pretrain_steps},
       .on_step = [&](const nn::StepReport& r) {
         pretraining.end_step();
         made = r.step;
         progress.update(r.step, r.samples, "loss " + cli::short_number(r.loss));
         return cli::Interruptible::signal() == 0;
       }});
  progress.finish();
  average.apply();
  pretraining.settle_scaling_factor();
  return made == plan.pretrain_steps;  // a signal that came behind them loses nothing
}

}  // namespace

PretrainedPipeline pretrain_pipeline(const GenerationStage& stage) {
  const GenerationPlan& plan = stage.plan;
  PretrainedPipeline result{.steps = plan.pretrain_steps,
                            .pictures = plan.pretrain_steps * plan.pretrain_batch};
  manual_seed(stage.options.seed);
  nn::DiffusionPipeline pipeline = new_pipeline(plan);
  nn::to(pipeline, stage.options.device);
  const std::vector<Scene> scenes = world_scenes();
  const int64_t copies = (result.pictures + int64_t(scenes.size()) - 1) / int64_t(scenes.size());
  const nn::Batches data = nn::captioned_batches(
      drawn_pictures(stage.world, scenes, copies, plan.side, stage.options.seed, false),
      [&pipeline](const std::string& caption) { return pipeline.prompt_ids(caption); },
      {.size = plan.side, .caption_dropout = plan.caption_dropout});
  const fs::path folder = stage.pipeline_folder();
  const nlohmann::json settings = settings_of(stage, data);
  if (const nlohmann::json record = record_in(folder, settings); !record.is_null()) {
    result.cached = true;
    result.seconds = record.value("seconds", 0.);
    if (stage.progress() != nullptr)
      std::fprintf(stderr,
                   "%s: a pipeline of the same settings and pictures, trained in %.0f s before; it "
                   "is not trained again\n",
                   folder.string().c_str(), result.seconds);
    return result;
  }
  const auto begin = std::chrono::steady_clock::now();
  result.whole = train(stage, pipeline, data);
  if (!result.whole) return result;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::error_code ignored;
  fs::remove(folder / kRecord, ignored);  // that of another, whose files are replaced
  nn::save_pipeline(pipeline, folder);
  const nlohmann::json record{{"settings", settings}, {"seconds", result.seconds}};
  write_file_atomically(folder / kRecord, record.dump(2) + '\n');
  return result;
}

}  // namespace papilio::demo
