#include "samples/papilio/diffusion/diffusion_run.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "autograd/anomaly.h"
#include "autograd/grad_mode.h"
#include "nn/data/batch_source.h"
#include "nn/data/image_batches.h"
#include "nn/data/loader.h"
#include "nn/data/sources/captioned_images.h"
#include "nn/eval_mode.h"
#include "nn/parallel/communicator.h"
#include "nn/train/fit.h"
#include "samples/papilio/diffusion/diffusion_memory.h"
#include "samples/papilio/models/model_lines.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/report/report_page.h"
#include "samples/papilio/run/optimization.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/run/run_files.h"
#include "samples/papilio/run/training.h"
#include "samples/papilio/run/training_end.h"
#include "samples/report/pages/run_report.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/random.h"

namespace papilio::cli {

void add_diffusion_data(Options& options, RunSettings& run, DiffusionSettings& s) {
  run.data.path.clear();  // nothing is built in
  options
      .add("resolution", &s.resolution, "PIXELS",
           "side of the square that each picture is resized and cut to")
      .range(0, 16384)
      .default_is("the model's own");
  options.flag("center-crop", s.center_crop, "cut the middle, not a place drawn anew each time");
  options.add("hflip", &s.hflip, "P", "probability of mirroring left and right").range(0, 1);
  options
      .add("caption-dropout", &s.caption_dropout, "P",
           "probability that a caption is left out, so that guidance learns what no caption means")
      .range(0, 1);
  add_corrupt(options, &run.data.corrupt);
  add_workers(options, run.data.workers);
  add_out(options, run.out);
  add_overwrite(options, run.overwrite, "a result");
}

nn::CaptionedData open_captions(const std::string& folder) {
  check<FileError>(nn::is_captioned_folder(folder), folder,
                   ": holds no metadata.jsonl or metadata.csv with captions (file_name, text)");
  return nn::open_captioned_folder(folder, {.validation = 0, .test = 0}).train;
}

nn::Batches diffusion_batches(nn::DiffusionPipeline& pipeline, const nn::CaptionedData& data,
                              DiffusionSettings& s, nn::OnCorrupt on_corrupt,
                              const nn::CaptionedData& class_images) {
  if (s.resolution == 0) s.resolution = pipeline.default_side();
  const int64_t step = pipeline.vae->config.pixels_of_latent();
  check<UsageError>(s.resolution % step == 0, "--resolution: expected a multiple of ", step,
                    ", pixels of a latent, got ", s.resolution);
  for (const nn::CaptionedData& part : {data, class_images}) {
    for (int64_t i = 0; part != nullptr && i < part->size(); ++i) {
      as_file_error(part->name(i), [&] { pipeline.prompt_ids(part->sample(i).caption); });
    }
  }
  return nn::captioned_batches(
      data, [&pipeline](const std::string& caption) { return pipeline.prompt_ids(caption); },
      {.size = s.resolution,
       .random_crop = !s.center_crop,
       .hflip = s.hflip,
       .caption_dropout = s.caption_dropout,
       .class_images = class_images,
       .on_corrupt = on_corrupt});
}

DiffusionRun::DiffusionRun(TrainingCommand command, DiffusionSubject subject)
    : TrainingRun(std::move(command)), subject_(std::move(subject)) {
  parts_.train = subject_.data;
  parts_.workers = settings().data.workers;
}

std::string DiffusionRun::settle() {
  RunSettings& s = settings();
  MemoryQuestion question = memory_question(subject_.model, subject_.pipeline, subject_.loss,
                                            subject_.batches, parts_.workers, s.training);
  question.samples = subject_.data->size();
  memory_ = settle_memory(options(), question, s.training, s.out);
  if (!subject_.settings.validation.prompts.empty()) {
    pictures_.emplace(subject_.settings.validation, subject_.pipeline, subject_.batches.side);
    add_pictures(memory_, pictures_->bytes());
  }
  const int64_t samples = subject_.settings.lr_samples;
  return nn::trainable_parameters_line(subject_.model) + '\n' +
         (samples > 0 ? str("rate ", short_number(s.training.lr), ": ",
                            short_number(s.training.lr / double(samples)), " of a sample times ",
                            samples, " (--scale-lr)\n")
                      : "") +
         plan_line(question.what, s.training, memory_);
}

TrainingJob DiffusionRun::job() {
  const Fit fit = [this, steps = fit_by_loss(subject_.model, settings().training, subject_.loss)](
                      nn::Loader& loader, nn::Optimizer& optimizer, nn::FitOptions options) {
    options.on_step = [this, after = options.on_step](const nn::StepReport& r) {
      if (subject_.end_step) subject_.end_step();
      return after(r);
    };
    if (options.first_step > 0) after_step(options.first_step, options.average, true);
    steps(loader, optimizer, options);
  };
  return {.model = subject_.model,
          .fit = fit,
          .evaluate = {},
          .operations = {},
          .data = parts_,
          .steps = subject_.settings.steps,
          .samples = "pictures",
          .model_lines = pipeline_lines(subject_.pipeline),
          .after_step = [this](int64_t step, nn::ModelAverage* average) {
            after_step(step, average, false);
          }};
}

void DiffusionRun::after_step(int64_t step, nn::ModelAverage* average, bool resumed) {
  if (!is_first_rank()) return;
  const RunSettings& s = settings();
  const int64_t every = s.training.checkpoint_steps;
  const bool saves =
      subject_.save_step && (step == subject_.settings.steps || (every > 0 && step % every == 0));
  const bool makes = pictures_ && (step == subject_.settings.steps || pictures_->due_at(step));
  if (!saves && !makes) return;
  const nn::Busy busy(ranks());
  std::optional<nn::ModelAverage::Shown> shown;
  if (average != nullptr) shown.emplace(*average);
  try {
    if (saves) subject_.save_step(s.out, step);
    if (makes) pictures_->make(s.out, step, resumed, s.common.progress());
  } catch (const Error& e) {  // the training is none the worse for it
    warn(options(), {str("step ", step, ": ", e.what())});
  }
}

// Latents of noise: weights that are not finite give no finite answer to any.
bool DiffusionRun::gives_numbers() {
  const NoGrad no_grad;
  nn::DiffusionPipeline& pipeline = subject_.pipeline;
  const nn::EvalMode eval_mode(pipeline);
  const auto& config = pipeline.unet->config;
  Generator generator;
  const Tensor latents =
      randn({1, config.in_channels, config.sample_size, config.sample_size}, {}, generator);
  const Tensor t = copy_of(tensor<int64_t>({0}), pipeline.device());
  return all_finite(
      (*pipeline.unet)(copy_of(latents, pipeline.device()), t, pipeline.encode_prompts({""})));
}

void DiffusionRun::add_results(nlohmann::json& results) {
  results["samples"] = subject_.data->size();
  results["memory_plan"] = memory_.json();
  nlohmann::json pictures = nlohmann::json::array();
  for (const std::filesystem::path& file : validation_pictures(settings().out))
    pictures.push_back(file.lexically_relative(settings().out).string());
  results["validation_pictures"] = pictures;
}

void DiffusionRun::fill_report(report::RunReport& page, const TrainingEnd&) {
  const auto count = [](nn::Module& part) { return with_commas(nn::count_parameters(part).all); };
  nn::DiffusionPipeline& pipeline = subject_.pipeline;
  page.samples = "pictures";
  page.cross_entropy = page.training_is_harder = false;  // the error of the noise
  if (pictures_) page.pictures = pictures_->report(settings().out);
  report_command(
      page, options(), words(),
      str("Model: Stable Diffusion; parameters: UNet ", count(*pipeline.unet), ", VAE ",
          count(*pipeline.vae), ", text encoder ", count(*pipeline.text_encoder), '.'),
      str("Data: ", settings().data.path, "; ", counted(subject_.data->size(), "picture"), " of ",
          subject_.settings.resolution, "x", subject_.settings.resolution,
          " pixels with captions."));
}

}  // namespace papilio::cli
