#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "autograd/ops/join.h"
#include "boft/files/checkpoint.h"
#include "boft/model/model.h"
#include "nn/diffusion/pipeline.h"
#include "nn/train/progress.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/run/interrupt.h"
#include "samples/papilio/run/model.h"
#include "samples/papilio/run/table.h"
#include "tensor/files/atomic_file.h"

namespace papilio::cli {

namespace {

namespace fs = std::filesystem;

struct Settings {
  std::string model, adapter, text_encoder_adapter, negative_prompt, scheduler, variant, out;
  std::vector<std::string> prompts;
  int64_t images = 1, steps = 50, height = 0, width = 0, seed = 0, batch_size = 1;
  double guidance_scale = 7.5, eta = 0;
  bool ignore_unused = false, overwrite = false;
  Common common;
};

Options declare(Settings& s) {
  Options options(
      "generate", "PIPELINE --prompt TEXT --out DIR [options]",
      "Pictures of prompts from a Stable Diffusion folder as Diffusers saves it (1.5 or "
      "2.1: model_index.json, unet, vae, text_encoder, tokenizer, scheduler). The same "
      "seed gives the same picture.");
  options.section("What to generate");
  options.add("PIPELINE", &s.model, "", "folder with model_index.json").required();
  options.add("p,prompt", &s.prompts, "TEXT", "what the picture shows; may be given several times")
      .required();
  options.add("negative-prompt", &s.negative_prompt, "TEXT", "what it does not show");
  options
      .add("images", &s.images, "N", "pictures of each prompt, with seeds that follow each other")
      .range(1, 1e5);
  options.add("height", &s.height, "PIXELS", "0: the model's own").range(0, 16384);
  options.add("width", &s.width, "PIXELS", "0: the model's own").range(0, 16384);
  options.add("o,out", &s.out, "DIR", "folder for 0.png, 1.png, ..., grid.png and pictures.json")
      .required();
  options.flag("overwrite", s.overwrite, "write into a folder that holds pictures already")
      .line_only();
  options.section("The model");
  options.add("adapter", &s.adapter, "DIR",
              "adapter folder for the UNet, or a folder with unet and text_encoder in it");
  options.add("text-encoder-adapter", &s.text_encoder_adapter, "DIR",
              "adapter folder for the text encoder");
  add_ignore_unused(options, s.ignore_unused);
  options.add("variant", &s.variant, "NAME", "of the weights' files: fp16");
  options.section("How it is made");
  options.add("steps", &s.steps, "N", "of the scheduler").range(1, 1e5);
  options
      .add("scheduler", &s.scheduler, "NAME",
           "in place of the folder's, with its noise schedule: ddpm, ddim, dpm++")
      .default_is("the folder's");
  options
      .add("guidance-scale", &s.guidance_scale, "W",
           "how far to go from the negative prompt to the prompt; 1: the prompt alone")
      .range(0);
  options.add("eta", &s.eta, "E", "noise in DDIM's steps; 1: as much as DDPM's").range(0, 1);
  options.add("seed", &s.seed, "N", "of the noise that the first picture begins with").range(0);
  options.add("b,batch-size", &s.batch_size, "N", "pictures at a time").range(1, 4096);
  add_device(options, s.common);
  add_common(options, s.common);
  options.example(
      "papilio generate sd15 --prompt \"a red fox in the snow\" --out foxes --images 4");
  options.example(
      "papilio generate sd15 -p \"a castle\" --scheduler dpm++ --steps 20 --out castle");
  options.example("papilio generate sd15 --adapter dog/unet -p \"a sks dog at sea\" --out dogs");
  return options;
}

// The pipeline with its adapters.
struct LoadedPipeline {
  nn::DiffusionPipeline pipeline;
  std::unique_ptr<boft::AdapterModel> unet, text_encoder;
  std::vector<std::string> warnings;
};

void put_adapter(LoadedPipeline& loaded, std::unique_ptr<boft::AdapterModel>& adapters,
                 nn::Module& part, const fs::path& folder, bool ignore_unused) {
  check<FileError>(is_adapter_folder(folder), folder.string(),
                   ": holds no adapter (adapter_config.json and adapter_model.safetensors)");
  adapters = std::make_unique<boft::AdapterModel>(part);
  const auto unused = ignore_unused ? boft::Unused::ignore : boft::Unused::refuse;
  for (std::string& warning : boft::load_adapter(*adapters, folder, "default", unused))
    loaded.warnings.push_back(std::move(warning));
}

LoadedPipeline load(const Settings& s) {
  LoadedPipeline loaded;
  loaded.pipeline =
      nn::load_pipeline(s.model, loaded.warnings, {.variant = s.variant, .scheduler = s.scheduler});
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  const fs::path adapter = s.adapter, unet = adapter / "unet", text = adapter / "text_encoder";
  const bool both = !s.adapter.empty() && (is_adapter_folder(unet) || is_adapter_folder(text));
  if (both ? is_adapter_folder(unet) : !s.adapter.empty())
    put_adapter(loaded, loaded.unet, *pipeline.unet, both ? unet : adapter, s.ignore_unused);
  if (!s.text_encoder_adapter.empty() || (both && is_adapter_folder(text)))
    put_adapter(loaded, loaded.text_encoder, *pipeline.text_encoder,
                s.text_encoder_adapter.empty() ? text : fs::path(s.text_encoder_adapter),
                s.ignore_unused);
  nn::eval(*pipeline.unet), nn::eval(*pipeline.vae), nn::eval(*pipeline.text_encoder);
  return loaded;
}

void check_out(const Settings& s) {
  std::error_code ignored;
  check<UsageError>(s.overwrite || !fs::exists(fs::path(s.out) / "pictures.json", ignored),
                    "--out: ", s.out,
                    " holds pictures already; give another folder, or --overwrite");
}

// One picture that was asked for.
struct Wanted {
  std::string prompt;
  uint64_t seed;
};

std::vector<Wanted> wanted(const Settings& s) {
  std::vector<Wanted> pictures;
  for (const std::string& prompt : s.prompts)
    for (int64_t i = 0; i < s.images; ++i) pictures.push_back({prompt, uint64_t(s.seed + i)});
  return pictures;
}

// Pictures [begin, end) of those wanted; fewer if a signal came.
std::vector<nn::Image> make(nn::DiffusionPipeline& pipeline, const Settings& s,
                            const std::vector<Wanted>& pictures, size_t begin, size_t end,
                            nn::Progress& progress, int64_t done) {
  const int64_t side = pipeline.default_side();
  std::vector<std::string> prompts;
  std::vector<Tensor> latents;
  for (size_t i = begin; i < end; ++i) {
    prompts.push_back(pictures[i].prompt);
    latents.push_back(nn::initial_latents(pipeline, 1, s.height > 0 ? s.height : side,
                                          s.width > 0 ? s.width : side, pictures[i].seed));
  }
  const Tensor asked = pipeline.encode_prompts(prompts);
  const std::vector<std::string> against(prompts.size(), s.negative_prompt);
  const auto count = int64_t(prompts.size());
  const Tensor result = nn::denoise(
      pipeline, concat(latents, 0), asked, pipeline.encode_prompts(against),
      {.steps = s.steps,
       .guidance_scale = s.guidance_scale,
       .eta = s.eta,
       .seed = pictures[begin].seed,
       .on_step = [&](int64_t step, const Tensor&) {
         progress.update(done + step, count, str("picture ", begin + 1, " of ", pictures.size()));
         return Interruptible::signal() == 0;
       }});
  if (Interruptible::signal() != 0) return {};
  const Tensor decoded = pipeline.decode_latents(result);
  std::vector<nn::Image> images;
  for (int64_t i = 0; i < count; ++i) images.push_back(nn::image_of(decoded, i));
  return images;
}

}  // namespace

int generate_pictures(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  const Device device = device_of(s.common);
  check_out(s);
  set_threads(s.common);
  LoadedPipeline loaded = load(s);
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  warn(options, loaded.warnings);
  pipeline.to(device);
  const std::vector<Wanted> pictures = wanted(s);
  make_folder(s.out);
  if (s.common.progress() != nullptr)
    std::fprintf(stderr, "%s: %s parameters in the UNet, %zu pictures, %lld steps of %s\n",
                 s.model.c_str(), with_commas(nn::count_parameters(*pipeline.unet).all).c_str(),
                 pictures.size(), static_cast<long long>(s.steps),
                 pipeline.scheduler->class_name().c_str());

  const auto begin = std::chrono::steady_clock::now();
  const Interruptible interruptible;
  const auto batch = size_t(s.batch_size);
  const int64_t runs = int64_t((pictures.size() + batch - 1) / batch);
  nn::Progress progress(s.common.progress(), "denoising", runs * s.steps);
  std::vector<nn::Image> images;
  nlohmann::json list = nlohmann::json::array();
  for (size_t first = 0; first < pictures.size() && Interruptible::signal() == 0; first += batch) {
    const size_t end = std::min(first + batch, pictures.size());
    for (nn::Image& image :
         make(pipeline, s, pictures, first, end, progress, int64_t(first / batch) * s.steps)) {
      const Wanted& picture = pictures[images.size()];
      const std::string file = str(images.size(), ".png");
      write_file_atomically(fs::path(s.out) / file, nn::encode_png(image));
      list.push_back({{"file", file}, {"prompt", picture.prompt}, {"seed", picture.seed}});
      images.push_back(std::move(image));
    }
  }
  progress.finish();
  if (images.size() > 1)
    write_file_atomically(fs::path(s.out) / "grid.png",
                          nn::encode_png(nn::picture_grid(images, s.images > 1 ? s.images : 4)));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const nlohmann::json object{{"command", "generate"},
                              {"device", str(device)},
                              {"model", s.model},
                              {"scheduler", pipeline.scheduler->class_name()},
                              {"steps", s.steps},
                              {"guidance_scale", s.guidance_scale},
                              {"negative_prompt", s.negative_prompt},
                              {"pictures", list},
                              {"seconds", seconds.count()}};
  write_file_atomically(fs::path(s.out) / "pictures.json", json_text(object));
  if (s.common.json)
    print_json(object);
  else
    std::printf("%s: %zu pictures\n", s.out.c_str(), images.size());
  return images.size() == pictures.size() ? 0 : 1;
}

}  // namespace papilio::cli
