// Stable Diffusion as a whole: a folder of Diffusers' in, pictures out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/diffusion/scheduler.h"
#include "nn/models/autoencoder_kl.h"
#include "nn/models/clip_text.h"
#include "nn/models/light_controlnet.h"
#include "nn/models/unet_2d_condition.h"
#include "nn/text/tokenizer.h"

namespace papilio::nn {

// The parts of a StableDiffusionPipeline.
struct DiffusionPipeline : Module {
  std::unique_ptr<UNet2DConditionModel> unet;
  std::unique_ptr<AutoencoderKL> vae;
  std::unique_ptr<CLIPTextModel> text_encoder;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<LightControlNet> control = {};  // null: nothing steers it

  // Pixels of a picture's side if nobody asks for another: the UNet's sample_size in pixels.
  int64_t default_side() const;
  Device device() const { return device_of(*unet); }

  // A prompt's max_position_embeddings tokens, filled up behind its end. Throws ArgumentError for
  // one with more tokens than the text encoder looks at. Several threads may call it at a time.
  std::vector<int64_t> prompt_ids(const std::string& prompt) const;
  // Prompts as the UNet sees them: (B, max_position_embeddings, hidden_size). Throws as prompt_ids.
  Tensor encode_prompts(const std::vector<std::string>& prompts);
  // Pictures (B, 3, H, W) in [-1, 1] to latents as the UNet sees them, drawn from the encoder's
  // distributions. Without gradient.
  Tensor encode_images(const Tensor& images, Generator& generator = default_generator());
  // Latents to pictures in [0, 1], (B, 3, H, W): decoded and cut off.
  Tensor decode_latents(const Tensor& latents);
  void visit(Visitor& v) override;
  std::string describe() const override { return "DiffusionPipeline"; }
};

// How a folder is read.
struct PipelineOptions {
  std::string variant = "";    // of the weights' files: "fp16"
  std::string scheduler = "";  // another than the folder's: ddpm, ddim, dpm++, pndm
};

// Reads a folder with model_index.json. Warnings are one line each. Throws FileError that names the
// part for one that is missing or of another class, and says so of Stable Diffusion XL.
DiffusionPipeline load_pipeline(const std::filesystem::path& folder,
                                std::vector<std::string>& warnings,
                                const PipelineOptions& options = {});
// Writes the pipeline's UNet, VAE and text encoder into `to`, and what else lies in `from`, the
// folder it was read from, as it is: scheduler, tokenizer, safety checker and files of any other
// name, but other weights of these three. `to` is made if it is missing. Throws ArgumentError if a
// part carries adapters or the folders are one.
void save_pipeline(DiffusionPipeline& pipeline, const std::filesystem::path& from,
                   const std::filesystem::path& to);
// The same of a pipeline that comes from no folder, with its scheduler and its tokenizer; no
// control is written. Throws as save_tokenizer.
void save_pipeline(DiffusionPipeline& pipeline, const std::filesystem::path& to);
// Is it such a folder?
bool is_pipeline_folder(const std::filesystem::path& folder);

// Told behind each step: its number from 1, and the latents. False ends the run there.
using OnStep = std::function<bool(int64_t step, const Tensor& latents)>;

// How latents lose their noise.
struct DenoiseOptions {
  int64_t steps = 50;
  // e = e_negative + guidance_scale (e_prompt - e_negative); 1 and below: the prompt alone (Ho and
  // Salimans, arXiv 2207.12598).
  double guidance_scale = 7.5;
  double eta = 0;       // of DDIM
  uint64_t seed = 0;    // of noise that steps add
  Tensor control = {};  // what UNet2DConditionModel adds behind conv_in, of one picture or of each
  OnStep on_step = {};
};

// Noise of (B, channels, height / 8, width / 8), drawn from seed, seed + 1, ...: picture i is the
// same whatever B is. Throws ArgumentError for sides that are no multiples of the VAE's step.
Tensor initial_latents(DiffusionPipeline& pipeline, int64_t count, int64_t height, int64_t width,
                       uint64_t seed);
// Latents without noise. `prompts` and `negative`: encode_prompts of as many prompts as there are
// latents; `negative` may be undefined without guidance. Without gradient.
Tensor denoise(DiffusionPipeline& pipeline, const Tensor& latents, const Tensor& prompts,
               const Tensor& negative, const DenoiseOptions& options);

// Picture b of (B, 3, H, W) in [0, 1].
Image image_of(const Tensor& pictures, int64_t b);
// Pictures of one size side by side, row after row, `columns` in each.
Image picture_grid(const std::vector<Image>& pictures, int64_t columns);

}  // namespace papilio::nn
