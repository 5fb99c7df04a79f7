#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/diffusion/diffusion_loss.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/run/diffusion_run.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kTargets = "to_q,to_k,to_v";

struct Settings {
  std::string model, variant, controlnet;
  RunSettings run = {.out = "runs/controlnet",
                     .training = {.batch_size = 4,
                                  .lr = 1e-5,
                                  .weight_decay = 1e-2,
                                  .warmup = 0,
                                  .schedule = "constant",
                                  .checkpoint_steps = 500}};
  DiffusionSettings diffusion = {.steps = 10000, .center_crop = true};
  DiffusionMethod method;
};

Options declare(Settings& s) {
  s.run.data.path.clear();  // nothing is built in
  Options options(
      "controlnet", "PIPELINE --data FOLDER [options]",
      "Teaches a Stable Diffusion folder to be steered by a picture (edges, poses, silhouettes), "
      "as PEFT's guide has it: the conditioning part of ControlNet (arXiv 2302.05543), whose "
      "output is added once behind the UNet's first convolution, and an adapter on the UNet learn "
      "together. Writes folders controlnet and unet; papilio generate PIPELINE --adapter OUT "
      "--control PICTURE makes pictures with them.");
  options.section("Model and data");
  options.add("PIPELINE", &s.model, "", "folder with model_index.json").required();
  options.add("variant", &s.variant, "NAME", "of the weights' files: fp16");
  options
      .add("data", &s.run.data.path, "FOLDER",
           "pictures and a metadata.jsonl or .csv with file_name, text and "
           "conditioning_image_file_name")
      .required();
  options.add("controlnet", &s.controlnet, "DIR",
              "folder controlnet of a run before, to begin with");
  add_diffusion_data(options, s.diffusion);
  options.add("o,out", &s.run.out, "DIR", "folder to write");
  options.flag("overwrite", s.run.overwrite, "write into a folder that holds a result already")
      .line_only();
  add_diffusion_training(options, s.diffusion, s.run.training);
  add_diffusion_method(options, s.method, kTargets, s.run.training);
  add_device(options, s.run.common);
  add_common(options, s.run.common);
  options.example("papilio controlnet sd15 --data outlines --out runs/outlines");
  options.example(
      "papilio controlnet sd15 --data outlines --method oft -b 8 --max-train-steps 2000");
  return options;
}

// A control of this pipeline's sizes: ControlNet's widths, from the first on.
nn::LightControlNetConfig control_for(const nn::DiffusionPipeline& pipeline) {
  nn::LightControlNetConfig config;
  const std::vector<int64_t> usual = config.block_out_channels;
  config.block_out_channels.clear();
  for (int64_t pixels = 1; pixels <= pipeline.vae->config.pixels_of_latent(); pixels *= 2)
    config.block_out_channels.push_back(
        usual[std::min(config.block_out_channels.size(), usual.size() - 1)]);
  config.out_channels = pipeline.unet->config.block_out_channels.front();
  return config;
}

}  // namespace

int controlnet(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  RunSettings& run = s.run;
  const Device device = device_of(run.common);
  settle_diffusion_method(options, s.method, run.training);
  check<UsageError>(method_of(s.method.method).config != nullptr, "--method ",
                    s.method.method.method, ": controlnet writes an adapter; expected ",
                    adapter_methods());
  set_threads(run.common);
  check<FileError>(nn::is_captioned_folder(run.data.path), run.data.path,
                   ": holds no metadata.jsonl or metadata.csv with captions (file_name, text)");
  const nn::CaptionedData pictures =
      nn::open_captioned_folder(run.data.path, {.validation = 0, .test = 0}).train;
  check<FileError>(nn::has_conditioning(pictures), run.data.path,
                   ": its metadata names no conditioning pictures (conditioning_image_file_name)");
  manual_seed(uint64_t(run.training.seed));
  LoadedPipeline loaded =
      load_pipeline({.model = s.model, .controlnet = s.controlnet, .variant = s.variant});
  warn(options, loaded.warnings);
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  if (pipeline.control == nullptr)
    pipeline.control = std::make_unique<nn::LightControlNet>(control_for(pipeline));
  nn::to(pipeline, device);
  const nn::Batches data = diffusion_batches(pipeline, pictures, s.diffusion);
  attach_diffusion_method(options, s.method, s.model, loaded);
  nn::set_trainable(*pipeline.control, true);
  return run_diffusion(
      {.options = options,
       .settings = run,
       .model = pipeline,
       .pipeline = pipeline,
       .data = data,
       .steps = s.diffusion.steps,
       .workers = s.diffusion.workers,
       .loss =
           [&](const nn::Batch& batch) {
             return nn::pipeline_loss(pipeline, batch, {.snr_gamma = s.diffusion.snr_gamma});
           },
       .kind = ResultKind::adapter,
       .save = [&](const fs::path& out) { save_trained(loaded, s.model, out); },
       .adapters = loaded.unet.get(),
       .title = s.method.method.method,
       .intro = str(pictures->size(), " pictures with captions and conditioning pictures"),
       .add_to_json =
           [&](nlohmann::json& result) {
             result["model"] = s.model;
             result["method"] = s.method.method.method;
             result["control_parameters"] = nn::count_parameters(*pipeline.control).all;
           }});
}

}  // namespace papilio::cli
