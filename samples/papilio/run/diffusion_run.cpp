#include "samples/papilio/run/diffusion_run.h"

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "autograd/anomaly.h"
#include "autograd/autocast.h"
#include "autograd/grad_mode.h"
#include "boft/files/checkpoint.h"
#include "nn/eval_mode.h"
#include "samples/papilio/run/run_results.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

std::unique_ptr<boft::AdapterModel> attached(const Options& options, const MethodSettings& method,
                                             const std::string& folder, nn::Module& part) {
  auto adapters = std::make_unique<boft::AdapterModel>(part);
  warn(options, adapters->add_adapter("default", adapter_config(method, folder, 0)));
  return adapters;
}

// Whether latents of noise get finite answers: weights that are not finite give none to any.
bool gives_numbers(nn::DiffusionPipeline& pipeline) {
  const NoGrad no_grad;
  const nn::EvalMode eval_mode(pipeline);
  const auto& config = pipeline.unet->config;
  Generator generator;
  const Tensor latents =
      randn({1, config.in_channels, config.sample_size, config.sample_size}, {}, generator);
  const Tensor t = copy_of(tensor<int64_t>({0}), pipeline.device());
  return all_finite(
      (*pipeline.unet)(copy_of(latents, pipeline.device()), t, pipeline.encode_prompts({""})));
}

}  // namespace

void attach_diffusion_method(const Options& options, const DiffusionMethod& s,
                             const std::string& folder, LoadedPipeline& loaded) {
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  nn::set_trainable(pipeline, false);
  if (method_of(s.method).config == nullptr) {
    nn::set_trainable(*pipeline.unet, true);
    nn::set_trainable(*pipeline.text_encoder, s.train_text_encoder);
    return;
  }
  loaded.unet = attached(options, s.method, folder, *pipeline.unet);
  if (!s.train_text_encoder) return;
  MethodSettings text = s.method;
  text.target_modules = s.text_encoder_targets;
  text.exclude_modules.clear();
  loaded.text_encoder = attached(options, text, folder, *pipeline.text_encoder);
}

void save_trained(LoadedPipeline& loaded, const fs::path& folder, const fs::path& out) {
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  if (pipeline.control != nullptr) nn::save_light_controlnet(*pipeline.control, out / "controlnet");
  if (loaded.unet == nullptr) return nn::save_pipeline(pipeline, folder, out);
  boft::save_adapter(*loaded.unet, out / "unet");
  if (loaded.text_encoder != nullptr)
    boft::save_adapter(*loaded.text_encoder, out / "text_encoder");
}

nn::Batches diffusion_batches(nn::DiffusionPipeline& pipeline, const nn::CaptionedData& data,
                              DiffusionSettings& s, const nn::CaptionedData& class_images) {
  if (s.resolution == 0) s.resolution = pipeline.default_side();
  const int64_t step = pipeline.vae->config.pixels_of_latent();
  check<UsageError>(s.resolution % step == 0, "--resolution: expected a multiple of ", step,
                    ", pixels of a latent, got ", s.resolution);
  for (const nn::CaptionedData& part : {data, class_images}) {
    for (int64_t i = 0; part != nullptr && i < part->size(); ++i) {
      try {
        pipeline.prompt_ids(part->sample(i).caption);
      } catch (const ArgumentError& e) {
        throw FileError(part->name(i) + ": " + e.what());
      }
    }
  }
  return nn::captioned_batches(
      data, [&pipeline](const std::string& caption) { return pipeline.prompt_ids(caption); },
      {.size = s.resolution,
       .random_crop = !s.center_crop,
       .hflip = s.hflip,
       .caption_dropout = s.caption_dropout,
       .class_images = class_images,
       .on_corrupt = s.corrupt == "skip" ? nn::OnCorrupt::skip : nn::OnCorrupt::fail});
}

int run_diffusion(const DiffusionRun& run) {
  const RunSettings& s = run.settings;
  // Settings that run.toml cannot hold are refused before anything is made.
  const std::string toml = run.options.toml();
  const std::optional<RunLock> lock = first_rank_prepares(s, run.kind);
  if (!s.common.json) {
    std::printf("%s\n%s\n", run.intro.c_str(), nn::trainable_parameters_line(run.model).c_str());
    std::fflush(stdout);
  }
  const nn::ParameterCount count = nn::count_parameters(run.model);
  TrainingData data;
  data.train = run.data;
  data.workers = run.workers;
  const TrainingJob job{
      .model = run.model,
      .fit =
          [&](nn::Loader& loader, nn::Optimizer& optimizer, nn::FitOptions options) {
            options.label_smoothing = 0;
            nn::fit(
                run.model,
                [&](const nn::Batch& batch) {
                  const Autocast scope(training_precision(s.training));
                  return run.loss(batch);
                },
                loader, optimizer, options);
          },
      .evaluate = {},
      .operations = {},
      .data = data,
      .steps = run.steps,
      .out = s.out,
      .title = run.title,
      .samples = "pictures",
      .settings = toml};
  const TrainingEnd end =
      train_and_save(job, s, run.options, lock,
                     {.save = run.save,
                      .gives_numbers = [&] { return gives_numbers(run.pipeline); },
                      .adapters = run.adapters});
  nlohmann::json results = run_results(run.options, s, run.model, run.adapters, end);
  results["samples"] = run.data->size();
  results["trainable_parameters"] = count.trainable;
  results["all_parameters"] = count.all;
  run.add_to_json(results);
  if (end.weights == Weights::saved) write_results_or_warn(run.options, s.out, results);
  if (s.common.json)
    print_json(results);
  else if (end.succeeded())
    std::printf("%s: %s\n", s.out.c_str(), written_in(s.out).c_str());
  return report_end(run.options, end, s.out);
}

}  // namespace papilio::cli
