#include "samples/papilio/diffusion/train_pipeline.h"

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/sources/captioned_images.h"
#include "nn/diffusion/pipeline.h"
#include "nn/diffusion/pipeline_pretraining.h"
#include "nn/parallel/all_values.h"
#include "nn/text/tokenizer.h"
#include "nn/text/train_bpe.h"
#include "samples/papilio/diffusion/diffusion_run.h"
#include "samples/papilio/diffusion/pipeline_sizes.h"
#include "samples/papilio/options/diffusion_options.h"
#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/number_ranges.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/report/report_page.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/run/shared_run.h"
#include "samples/papilio/run/training_run.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace {

namespace fs = std::filesystem;

// As the options say them: lists as they are written, and what is learned beside.
struct Sizes : PipelineSizes {
  std::string unet = "64,128", vae = "16,32";
  int64_t vocab_size = 800;
  std::string prediction = "epsilon";
};

struct Settings {
  double kl_weight = 1e-3;
  Sizes sizes;
  RunSettings run = {.out = "runs/pipeline",
                     .training = {.batch_size = 32,
                                  .lr = 1e-3,
                                  .weight_decay = 1e-2,
                                  .schedule = "cosine",
                                  .checkpoint_steps = 500}};
  DiffusionSettings diffusion = {
      .steps = 2000, .resolution = 32, .center_crop = true, .caption_dropout = 0.1};
};

void add_sizes(Options& options, Sizes& s) {
  options.section("Model");
  options.add("unet-channels", &s.unet, "LIST",
              "of the UNet's blocks; all but the last attend to the caption");
  options.add("layers-per-block", &s.layers_per_block, "N", "of the UNet").range(1, 16);
  options.add("heads", &s.heads, "N", "of the UNet's attention").range(1, 256);
  options.add("vae-channels", &s.vae, "LIST",
              "of the VAE's blocks; each but the first halves the sides of latents");
  options.add("latent-channels", &s.latent_channels, "N", "of latents").range(1, 64);
  options.add("text-width", &s.text_width, "N", "of the text encoder").range(1, 65536);
  options.add("text-layers", &s.text_layers, "N", "of the text encoder").range(1, 256);
  options.add("vocab-size", &s.vocab_size, "N", "tokens, learned from the captions")
      .range(514, 1e6);
  options.add("max-tokens", &s.max_tokens, "N", "of a caption, with its begin and end")
      .range(3, 77);
  options
      .add("prediction-type", &s.prediction, "TYPE",
           "what the UNet says: epsilon, the noise, or v_prediction, the velocity")
      .choices({"epsilon", "v_prediction"});
}

Options declare(Settings& s) {
  Options options(
      "train", "--data FOLDER [options]",
      "Trains a small Stable Diffusion from scratch on pictures with captions: VAE, UNet and text "
      "encoder together. Writes a folder that Diffusers reads (model_index.json, unet, vae, "
      "text_encoder, tokenizer, scheduler), with log.csv and run.toml beside. papilio train "
      "--help has a classifier's options.");
  options.section("Data and results");
  options
      .add(kDataKey, &s.run.data.path, "FOLDER",
           "pictures and a metadata.jsonl or .csv with file_name and text")
      .required();
  add_diffusion_data(options, s.run, s.diffusion);
  add_sizes(options, s.sizes);
  add_diffusion_training(options, s.diffusion, s.run.training);
  options.add("kl-weight", &s.kl_weight, "W", "of the divergence of latents from N(0, 1)").range(0);
  add_common_and_device(options, s.run.common);
  options.example("papilio train --data shapes --out runs/shapes");
  options.example("papilio train --data shapes --resolution 64 --vae-channels 16,32,64");
  return options;
}

std::vector<int64_t> widths(const std::string& option, const std::string& text) {
  std::vector<int64_t> values;
  for (const std::string& name : split_names(text)) {
    const bool number = name.size() <= 6 && name.find_first_not_of("0123456789") == name.npos;
    check<UsageError>(number && std::stol(name) > 0, option,
                      ": expected whole numbers a,b,c above 0, got ", text);
    values.push_back(std::stol(name));
  }
  check<UsageError>(!values.empty(), option, ": expected whole numbers a,b,c, got ", text);
  return values;
}

nn::PipelineConfig config_of(const Sizes& s, int64_t resolution, int64_t tokens) {
  check<UsageError>(resolution % s.side_step() == 0, "--resolution: expected a multiple of ",
                    s.side_step(), " for these blocks, got ", resolution);
  nn::PipelineConfig config = pipeline_config(s, resolution, tokens);
  if (s.prediction == "v_prediction") config.scheduler.noise.prediction_type = nn::Prediction::v;
  return config;
}

nn::Tokenizer tokenizer_of(const nn::CaptionedData& data, int64_t vocab_size) {
  std::vector<std::string> captions;
  for (int64_t i = 0; i < data->size(); ++i) captions.push_back(data->sample(i).caption);
  const std::vector<std::string_view> views(captions.begin(), captions.end());
  return nn::train_clip_tokenizer(views, vocab_size);
}

nn::DiffusionPipeline new_pipeline(Settings& s, const nn::CaptionedData& data) {
  s.sizes.unet_channels = widths("--unet-channels", s.sizes.unet);
  s.sizes.vae_channels = widths("--vae-channels", s.sizes.vae);
  nn::Tokenizer tokenizer = tokenizer_of(data, s.sizes.vocab_size);
  const nn::PipelineConfig config = config_of(s.sizes, s.diffusion.resolution, tokenizer.size());
  try {
    return nn::make_pipeline(config, std::move(tokenizer));
  } catch (const ArgumentError& e) {
    throw UsageError(e.what());
  }
}

}  // namespace

int train_pipeline(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  RunSettings& run = s.run;
  settle_diffusion_training(options, s.diffusion, run.training);
  check_ranks(run.training);
  const Device device = device_of(run.common);
  set_threads(run.common);
  const nn::CaptionedData pictures = open_captions(run.data.path);
  manual_seed(uint64_t(run.training.seed));
  nn::DiffusionPipeline pipeline = new_pipeline(s, pictures);
  nn::to(pipeline, device);
  const nn::Batches data =
      diffusion_batches(pipeline, pictures, s.diffusion, run.data.on_corrupt());
  nn::PipelinePretraining pretraining(pipeline);
  pretraining.kl_weight = s.kl_weight;
  pretraining.options.snr_gamma = s.diffusion.snr_gamma;
  const auto count = [](nn::Module& part) { return with_commas(nn::count_parameters(part).all); };
  return DiffusionRun(
             {.options = options,
              .words = words,
              .settings = run,
              .intro =
                  str(counted(pictures->size(), "picture"), " with captions; parameters: UNet ",
                      count(*pipeline.unet), ", VAE ", count(*pipeline.vae), ", text encoder ",
                      count(*pipeline.text_encoder), ", ", pipeline.tokenizer->size(), " tokens"),
              .report_title = "Training on " + data_title(run.data),
              .report_subject = "A small Stable Diffusion learned the pictures and their "
                                "captions from scratch: VAE, UNet and text encoder.",
              .add_to_json =
                  [&](nlohmann::json& result) {
                    result["tokens"] = pipeline.tokenizer->size();
                    result["scaling_factor"] = pipeline.vae->config.scaling_factor;
                  }},
             {.model = pretraining,
              .pipeline = pipeline,
              .settings = s.diffusion,
              .data = data,
              .batches = {.side = s.diffusion.resolution,
                          .tokens = s.sizes.max_tokens,
                          .conditioning = nn::has_conditioning(pictures)},
              .loss = [&](const nn::Batch& batch) { return pretraining.loss(batch); },
              .save =
                  [&](const fs::path& out) {
                    pretraining.settle_scaling_factor();
                    nn::save_pipeline(pipeline, out);
                  },
              .end_step =
                  [&] {
                    pretraining.end_step([](const std::vector<nn::LatentMoments>& own) {
                      return nn::all_values(ranks(), own);
                    });
                  }})
      .run();
}

}  // namespace papilio::cli
