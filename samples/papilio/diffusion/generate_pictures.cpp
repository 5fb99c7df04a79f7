#include "samples/papilio/diffusion/generate_pictures.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/diffusion/pipeline.h"
#include "samples/papilio/diffusion/picture_maker.h"
#include "samples/papilio/diffusion/picture_memory.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/models/pipeline.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "tensor/files/atomic_file.h"

namespace papilio::cli {

namespace {

namespace fs = std::filesystem;

struct Settings {
  PipelineFolders folders;
  PictureSettings how;
  std::string control, out;
  std::vector<std::string> prompts;
  int64_t images = 1, seed = 0;
  bool overwrite = false;
  Common common;
};

Options declare(Settings& s) {
  Options options(
      "generate", "PIPELINE --prompt TEXT --out DIR [options]",
      "Pictures of prompts from a Stable Diffusion folder as Diffusers saves it (1.5 or "
      "2.1: model_index.json, unet, vae, text_encoder, tokenizer, scheduler). The same "
      "seed gives the same picture.");
  options.section("What to generate");
  add_pipeline(options, s.folders);
  options.add("p,prompt", &s.prompts, "TEXT", "what the picture shows; may be given several times")
      .required()
      .text();
  options.add("negative-prompt", &s.how.negative_prompt, "TEXT", "what it does not show").text();
  options.add("control", &s.control, "FILE",
              "a picture that steers (PNG, JPEG), as papilio controlnet was trained on");
  options
      .add("images", &s.images, "N", "pictures of each prompt, with seeds that follow each other")
      .range(1, 1e5);
  options.add("height", &s.how.height, "PIXELS", "0: the model's own").range(0, 16384);
  options.add("width", &s.how.width, "PIXELS", "0: the model's own").range(0, 16384);
  options.add("o,out", &s.out, "DIR", "folder for 0.png, 1.png, ..., grid.png and pictures.json")
      .required();
  add_overwrite(options, s.overwrite, "pictures");
  options.section("The model");
  options.add("adapter", &s.folders.adapter, "DIR",
              "adapter folder for the UNet, or one with unet, text_encoder and controlnet in it");
  options
      .add("adapter-step", &s.folders.adapter_step, "N",
           "the adapters of that step (unet/N/NAME, text_encoder/N/NAME)")
      .range(1)
      .default_is("the result, or the last step");
  options.add("text-encoder-adapter", &s.folders.text_encoder_adapter, "DIR",
              "adapter folder for the text encoder");
  options
      .add("controlnet", &s.folders.controlnet, "DIR",
           "folder with what was trained to read --control")
      .default_is("controlnet in the folder of --adapter");
  add_ignore_unused(options, s.folders.ignore_unused);
  options.section("How it is made");
  options.add("steps", &s.how.steps, "N", "of the scheduler").range(1, 1e5);
  options
      .add("scheduler", &s.folders.scheduler, "NAME",
           "in place of the folder's, with its noise schedule: ddpm, ddim, dpm++, pndm")
      .default_is("the folder's");
  options
      .add("guidance-scale", &s.how.guidance_scale, "W",
           "how far to go from the negative prompt to the prompt; 1: the prompt alone")
      .range(0);
  options.add("eta", &s.how.eta, "E", "noise in DDIM's steps; 1: as much as DDPM's").range(0, 1);
  options.add("seed", &s.seed, "N", "of the noise that the first picture begins with").range(0);
  options.add("b,batch-size", &s.how.batch_size, "N", "pictures at a time").range(1, 4096);
  add_common_and_device(options, s.common);
  options.example(
      "papilio generate sd15 --prompt \"a red fox in the snow\" --out foxes --images 4");
  options.example(
      "papilio generate sd15 -p \"a castle\" --scheduler dpm++ --steps 20 --out castle");
  options.example("papilio generate sd15 --adapter dog/unet -p \"a sks dog at sea\" --out dogs");
  options.example(
      "papilio generate sd15 --adapter runs/controlnet --control outline.png -p \"a fox\" --out "
      "fox");
  return options;
}

void check_out(const Settings& s) {
  std::error_code ignored;
  check<UsageError>(s.overwrite || !fs::exists(fs::path(s.out) / "pictures.json", ignored),
                    "--out: ", s.out,
                    " holds pictures already; give another folder, or --overwrite");
}

std::vector<WantedPicture> wanted(const Settings& s) {
  std::vector<WantedPicture> pictures;
  for (const std::string& prompt : s.prompts)
    for (int64_t i = 0; i < s.images; ++i) pictures.push_back({prompt, uint64_t(s.seed + i)});
  return pictures;
}

// The picture of --control; one that the pipeline's control cannot do without is asked for.
void read_control(Settings& s, const nn::DiffusionPipeline& pipeline) {
  check<UsageError>(!s.control.empty() || pipeline.control == nullptr,
                    "--control: this pipeline is steered by a picture; give one");
  check<UsageError>(s.control.empty() || pipeline.control != nullptr,
                    "--control: nothing here reads it; give --controlnet, or the folder that "
                    "papilio controlnet wrote as --adapter");
  if (s.control.empty()) return;
  const int64_t side = pipeline.default_side();
  s.how.conditioning = read_conditioning(s.control, s.how.height > 0 ? s.how.height : side,
                                         s.how.width > 0 ? s.how.width : side);
}

}  // namespace

int generate_pictures(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  options.applies_when(!s.folders.adapter.empty(), {&s.folders.adapter_step}, "--adapter");
  const Device device = device_of(s.common);
  check_out(s);
  set_threads(s.common);
  LoadedPipeline loaded = load_pipeline(s.folders);
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  warn(options, loaded.warnings);
  read_control(s, pipeline);
  nn::to(pipeline, device);
  const std::vector<WantedPicture> pictures = wanted(s);
  check_picture_memory(pipeline, int64_t(pictures.size()), s.how);
  make_folder(s.out);
  if (s.common.progress() != nullptr)
    std::fprintf(stderr, "%s: %s parameters in the UNet, %zu pictures, %lld steps of %s\n",
                 s.folders.model.c_str(),
                 with_commas(nn::count_parameters(*pipeline.unet).all).c_str(), pictures.size(),
                 static_cast<long long>(s.how.steps), pipeline.scheduler->class_name().c_str());

  const auto begin = std::chrono::steady_clock::now();
  const Interruptible interruptible;
  std::vector<nn::Image> images;
  nlohmann::json list = nlohmann::json::array();
  make_pictures(pipeline, pictures, s.how, s.common.progress(),
                [&](size_t i, const nn::Image& image) {
                  const std::string file = str(i, ".png");
                  write_file_atomically(fs::path(s.out) / file, nn::encode_png(image));
                  list.push_back(
                      {{"file", file}, {"prompt", pictures[i].prompt}, {"seed", pictures[i].seed}});
                  images.push_back(image);
                });
  if (images.size() > 1)
    write_file_atomically(fs::path(s.out) / "grid.png",
                          nn::encode_png(nn::picture_grid(images, s.images > 1 ? s.images : 4)));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const nlohmann::json object{{"command", "generate"},
                              {"device", str(device)},
                              {"model", s.folders.model},
                              {"scheduler", pipeline.scheduler->class_name()},
                              {"steps", s.how.steps},
                              {"guidance_scale", s.how.guidance_scale},
                              {"negative_prompt", s.how.negative_prompt},
                              {"control", or_null(s.control)},
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
