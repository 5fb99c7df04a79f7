#include "samples/papilio/diffusion/adapt_pipeline.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "boft/files/checkpoint.h"
#include "nn/data/batch_source.h"
#include "nn/diffusion/diffusion_loss.h"
#include "nn/diffusion/pipeline.h"
#include "samples/papilio/models/method.h"
#include "samples/papilio/options/diffusion_options.h"
#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/report/report_page.h"
#include "samples/papilio/run/shared_run.h"
#include "tensor/files/detail/check_name.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

// What was attached: unet and text_encoder with PEFT's files, and the control's folder, if there is
// one; without adapters the whole pipeline as it was read from its folder. A name: the UNet's
// adapter lies in unet/NAME too, where the ControlNet guide looks for it.
void save_trained(LoadedPipeline& loaded, const PipelineSettings& s, const fs::path& out) {
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  if (pipeline.control != nullptr) nn::save_light_controlnet(*pipeline.control, out / "controlnet");
  if (loaded.unet == nullptr) return nn::save_pipeline(pipeline, s.folders.model, out);
  boft::save_adapter(*loaded.unet, out / "unet");
  if (s.steered && !s.adapter_name.empty())
    boft::save_adapter(*loaded.unet, out / "unet" / s.adapter_name);
  if (loaded.text_encoder != nullptr)
    boft::save_adapter(*loaded.text_encoder, out / "text_encoder");
}

// Where the DreamBooth guide looks for a step's adapters: unet/STEP/NAME, text_encoder/STEP/NAME.
void save_step(const LoadedPipeline& loaded, const std::string& name, const fs::path& out,
               int64_t step) {
  const fs::path place = fs::path(std::to_string(step)) / name;
  boft::save_adapter(*loaded.unet, out / "unet" / place);
  if (loaded.text_encoder != nullptr)
    boft::save_adapter(*loaded.text_encoder, out / "text_encoder" / place);
}

void attach_method(const Options& options, const PipelineSettings& settings,
                   LoadedPipeline& loaded) {
  const DiffusionMethod& s = settings.method;
  const std::string& folder = settings.folders.model;
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  nn::set_trainable(pipeline, false);
  if (pipeline.control != nullptr) nn::set_trainable(*pipeline.control, true);
  if (method_of(s).config == nullptr) {
    nn::set_trainable(*pipeline.unet, true);
    nn::set_trainable(*pipeline.text_encoder, s.train_text_encoder);
    return;
  }
  loaded.unet = attach_adapter(options, *pipeline.unet, adapter_config(s, folder, 0));
  if (!s.train_text_encoder) return;
  MethodSettings text = s;
  text.target_modules = s.text_encoder_targets;
  text.exclude_modules.clear();
  loaded.text_encoder =
      attach_adapter(options, *pipeline.text_encoder, adapter_config(text, folder, 0));
}

}  // namespace

void add_pipeline_training(Options& options, PipelineSettings& s, const std::string& targets,
                           bool (*takes)(const Method&)) {
  know_guides_names(options);
  add_diffusion_data(options, s.run, s.diffusion);
  add_diffusion_training(options, s.diffusion, s.run.training);
  add_validation(options, s.diffusion.validation, s.steered);
  add_diffusion_method(options, s.method, targets, s.run.training, takes);
  options.add("adapter-name", &s.adapter_name, "NAME",
              s.steered
                  ? "write the UNet's adapter as unet/NAME too, where PEFT's guide looks"
                  : "write the adapters of each --checkpoint-steps and of the last step as "
                    "unet/STEP/NAME and text_encoder/STEP/NAME too, where PEFT's guide looks");
  add_common_and_device(options, s.run.common);
}

void settle_pipeline(Options& options, PipelineSettings& s) {
  static_cast<void>(device_of(s.run.common));  // one that is not there is said first
  settle_diffusion_method(options, s.method, s.run.training);
  settle_diffusion_training(options, s.diffusion, s.run.training);
  settle_validation(options, s.diffusion.validation, s.steered);
  options.applies_when(method_of(s.method).config != nullptr, {&s.adapter_name}, "an adapter");
  options.name_if_given({&s.adapter_name});
  if (!s.adapter_name.empty()) {
    try {
      check_name("--adapter-name", s.adapter_name);
      check(!s.adapter_name.starts_with("adapter_"), "--adapter-name: expected another name than ",
            "those of an adapter's files, got '", s.adapter_name, "'");
    } catch (const ArgumentError& e) {
      throw UsageError(e.what());
    }
  }
  check_ranks(s.run.training);
  set_threads(s.run.common);
}

LoadedPipeline open_pipeline(const Options& options, const PipelineSettings& s) {
  LoadedPipeline loaded = load_pipeline(s.folders);
  warn(options, loaded.warnings);
  nn::to(loaded.pipeline, device_of(s.run.common));
  manual_seed(uint64_t(s.run.training.seed));
  return loaded;
}

int adapt_pipeline(const PipelineAdaptation& a) {
  PipelineSettings& s = a.settings;
  nn::DiffusionPipeline& pipeline = a.loaded.pipeline;
  const nn::Batches data =
      diffusion_batches(pipeline, a.pictures, s.diffusion, s.run.data.on_corrupt(), a.class_images);
  attach_method(a.options, s, a.loaded);
  const std::string label = a.loaded.unet != nullptr ? boft::label(a.loaded.unet->config("default"))
                                                     : method_of(s.method).label;
  std::function<void(const fs::path&, int64_t)> write_step;
  if (!s.steered && !s.adapter_name.empty())
    write_step = [&](const fs::path& out, int64_t step) {
      save_step(a.loaded, s.adapter_name, out, step);
    };
  return DiffusionRun({.options = a.options,
                       .words = a.words,
                       .settings = s.run,
                       .model = s.folders.model,
                       .method = s.method.name,
                       .intro = a.intro,
                       .report_title = label + " on " + data_title(s.run.data),
                       .report_subject = label + " adapted the Stable Diffusion in " +
                                         s.folders.model + " to " + a.intro + '.',
                       .add_to_json = a.add_to_json},
                      {.model = pipeline,
                       .pipeline = pipeline,
                       .settings = s.diffusion,
                       .data = data,
                       .batches = {.side = s.diffusion.resolution,
                                   .tokens = pipeline.text_encoder->config.max_position_embeddings,
                                   .conditioning = nn::has_conditioning(a.pictures),
                                   .class_images = a.class_images != nullptr},
                       .loss =
                           [&](const nn::Batch& batch) {
                             return nn::pipeline_loss(pipeline, batch,
                                                      {.snr_gamma = s.diffusion.snr_gamma,
                                                       .prior_loss_weight = a.prior_loss_weight});
                           },
                       .save = [&](const fs::path& out) { save_trained(a.loaded, s, out); },
                       .save_step = write_step,
                       .adapters = a.loaded.unet.get()})
      .run();
}

}  // namespace papilio::cli
