#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/sources/captioned_images.h"
#include "nn/diffusion/pipeline.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/diffusion/adapt_pipeline.h"
#include "samples/papilio/diffusion/picture_maker.h"
#include "samples/papilio/models/pipeline.h"
#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "samples/papilio/run/ranks.h"
#include "tensor/files/atomic_file.h"

namespace papilio::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kTargets = "to_q,to_k,to_v,to_out.0";

struct Settings {
  std::string instance_prompt, class_dir, class_prompt;
  bool prior = false;
  double prior_loss_weight = 1;
  int64_t class_images = 200, class_steps = 50, class_batch = 4;
  PipelineSettings pipeline = {.run = {.out = "runs/dreambooth",
                                       .training = {.batch_size = 1,
                                                    .lr = 3e-5,
                                                    .weight_decay = 1e-2,
                                                    .warmup = 0,
                                                    .schedule = "constant",
                                                    .checkpoint_steps = 200}},
                               .diffusion = {.steps = 1010}};
};

Options declare(Settings& s) {
  Options options(
      "dreambooth", "PIPELINE --instance-data-dir DIR --instance-prompt TEXT [options]",
      "Teaches a Stable Diffusion folder a subject from a few pictures (DreamBooth, arXiv "
      "2208.12242), as PEFT's guide has it. " +
          adapter_methods() +
          " write folders unet and text_encoder, which PEFT puts on Diffusers' models; full writes "
          "the pipeline. papilio generate PIPELINE --adapter OUT makes pictures with it.");
  options.section("Model and data");
  add_pipeline(options, s.pipeline.folders);
  options.add("instance-data-dir", &s.pipeline.run.data.path, "DIR", "pictures of the subject")
      .required();
  options
      .add("instance-prompt", &s.instance_prompt, "TEXT",
           "what they show, with a rare word for the subject: a photo of sks dog")
      .required()
      .text();
  options.flag("with-prior-preservation", s.prior,
               "learn pictures of the class beside them, so that it stays what it was");
  options.add("class-data-dir", &s.class_dir, "DIR",
              "pictures of the class; those that are missing are made by the pipeline");
  options.add("class-prompt", &s.class_prompt, "TEXT", "what they show: a photo of dog").text();
  options.add("num-class-images", &s.class_images, "N", "pictures of the class").range(1, 1e6);
  options.add("prior-loss-weight", &s.prior_loss_weight, "W", "their weight in the loss").range(0);
  options.add("class-steps", &s.class_steps, "N", "of the scheduler, for pictures that are missing")
      .range(1, 1e5);
  options.add("sample-batch-size", &s.class_batch, "N", "of these at a time").range(1, 4096);
  add_pipeline_training(options, s.pipeline, kTargets, needs_no_classifier);
  options.example(
      "papilio dreambooth sd15 --instance-data-dir dog --instance-prompt \"a sks dog\" --out "
      "runs/dog");
  options.example(
      "papilio dreambooth sd15 --config runs/dog/run.toml --method lora -r 4 --out lora");
  return options;
}

void check_prior(Options& options, const Settings& s) {
  options.applies_when(s.prior,
                       {&s.class_dir, &s.class_prompt, &s.class_images, &s.prior_loss_weight,
                        &s.class_steps, &s.class_batch},
                       "--with-prior-preservation");
  check<UsageError>(!s.prior || !s.class_dir.empty(),
                    "--class-data-dir: expected with --with-prior-preservation");
  check<UsageError>(!s.prior || !s.class_prompt.empty(),
                    "--class-prompt: expected with --with-prior-preservation");
}

int64_t pictures_in(const fs::path& folder) {
  int64_t count = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    count += nn::has_image_extension(entry.path());
  return count;
}

// Makes those that are missing, each from a seed of its own: a run that is stopped goes on with the
// next one. Returns the signal that stopped it, or 0.
int make_class_images(const Settings& s, nn::DiffusionPipeline& pipeline) {
  make_folder(s.class_dir);
  const int64_t there = pictures_in(s.class_dir);
  std::vector<WantedPicture> wanted;
  std::vector<fs::path> files;
  for (int64_t i = 0; there + int64_t(wanted.size()) < s.class_images; ++i) {
    const fs::path file = fs::path(s.class_dir) / str("class-", i, ".png");
    std::error_code ignored;
    if (fs::exists(file, ignored)) continue;
    files.push_back(file);
    wanted.push_back({s.class_prompt, uint64_t(s.pipeline.run.training.seed + i)});
  }
  if (wanted.empty()) return 0;
  if (s.pipeline.run.common.progress() != nullptr)
    std::fprintf(stderr, "%s: %zu pictures of \"%s\" are missing\n", s.class_dir.c_str(),
                 wanted.size(), printable(s.class_prompt).c_str());
  const size_t made =
      make_pictures(pipeline, wanted, {.steps = s.class_steps, .batch_size = s.class_batch},
                    s.pipeline.run.common.progress(), [&](size_t i, const nn::Image& image) {
                      write_file_atomically(files[i], nn::encode_png(image));
                    });
  return made == wanted.size() ? 0 : Interruptible::signal();
}

// The first of the class's pictures, as many as are asked for.
nn::CaptionedData class_images(const Settings& s) {
  const nn::CaptionedData all = nn::pictures_with_caption(s.class_dir, s.class_prompt);
  std::vector<int64_t> first;
  for (int64_t i = 0; i < std::min(all->size(), s.class_images); ++i) first.push_back(i);
  return nn::subset(all, first);
}

}  // namespace

int dreambooth(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  PipelineSettings& p = s.pipeline;
  check_prior(options, s);
  settle_pipeline(options, p);
  const nn::CaptionedData own = nn::pictures_with_caption(p.run.data.path, s.instance_prompt);
  LoadedPipeline loaded = open_pipeline(options, p);
  if (s.prior) {
    const Interruptible interruptible;
    const int stopped = is_first_rank() ? make_class_images(s, loaded.pipeline) : 0;
    // A signal to another rank stops all when the pictures are made.
    ranks().barrier();
    const int own_signal = std::max(stopped, Interruptible::signal());
    if (const auto signal = int(ranks().max(own_signal)); signal != 0) return 128 + signal;
  }
  const nn::CaptionedData prior = s.prior ? class_images(s) : nullptr;
  return adapt_pipeline(
      {.options = options,
       .words = words,
       .settings = p,
       .loaded = loaded,
       .pictures = own,
       .class_images = prior,
       .prior_loss_weight = s.prior_loss_weight,
       .intro = str(counted(own->size(), "picture"), " of \"", printable(s.instance_prompt), "\"",
                    prior == nullptr
                        ? ""
                        : str(", ", prior->size(), " of \"", printable(s.class_prompt), "\"")),
       .add_to_json = [&](nlohmann::json& result) {
         result["instance_images"] = own->size();
         result["class_images"] = prior == nullptr ? 0 : prior->size();
       }});
}

}  // namespace papilio::cli
