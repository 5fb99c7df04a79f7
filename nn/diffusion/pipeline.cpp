#include "nn/diffusion/pipeline.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/extrema.h"
#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"
#include "nn/diffusion/ddim.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace papilio::nn {

int64_t DiffusionPipeline::default_side() const {
  return unet->config.sample_size * vae->config.pixels_of_latent();
}

void DiffusionPipeline::visit(Visitor& v) {
  v("unet", unet);
  v("vae", vae);
  v("text_encoder", text_encoder);
  v("control", control);
}

std::vector<int64_t> DiffusionPipeline::prompt_ids(const std::string& prompt) const {
  const int64_t length = text_encoder->config.max_position_embeddings;
  std::vector<int64_t> ids = tokenizer->encode(prompt);
  const auto count = int64_t(ids.size());
  check(count <= length, "the prompt \"", prompt.substr(0, 40), prompt.size() > 40 ? "..." : "",
        "\" has ", count, " tokens with its begin and end; the text encoder looks at ", length,
        ": make it shorter by ", count - length);
  ids.resize(size_t(length), tokenizer->roles().pad.value_or(ids.back()));
  return ids;
}

Tensor DiffusionPipeline::encode_prompts(const std::vector<std::string>& prompts) {
  std::vector<int64_t> ids;
  for (const std::string& prompt : prompts) {
    const std::vector<int64_t> own = prompt_ids(prompt);
    ids.insert(ids.end(), own.begin(), own.end());
  }
  const Tensor tokens =
      tensor<int64_t>(ids, {int64_t(prompts.size()), text_encoder->config.max_position_embeddings});
  return (*text_encoder)(copy_of(tokens, device()));
}

Tensor DiffusionPipeline::encode_images(const Tensor& images, Generator& generator) {
  const NoGrad no_grad;
  return vae->encode(images).sample(generator) * vae->config.scaling_factor;
}

Tensor DiffusionPipeline::decode_latents(const Tensor& latents) {
  const NoGrad no_grad;
  const Tensor pictures = vae->decode(latents / vae->config.scaling_factor);
  return clamp(pictures / 2 + 0.5, 0, 1);
}

Tensor initial_latents(DiffusionPipeline& pipeline, int64_t count, int64_t height, int64_t width,
                       uint64_t seed) {
  const int64_t step = pipeline.vae->config.pixels_of_latent();
  for (const int64_t side : {height, width}) {
    const int64_t below = std::max(side / step * step, step);
    check(side >= 1 && side % step == 0, "a picture's sides are multiples of ", step,
          " pixels, got ", side, ": ", below, " or ", below + step, " would do");
  }
  std::vector<Tensor> latents;
  for (int64_t i = 0; i < count; ++i) {
    Generator generator(seed + uint64_t(i));
    latents.push_back(
        randn({1, pipeline.unet->config.in_channels, height / step, width / step}, {}, generator));
  }
  return copy_of(concat(latents, 0), pipeline.device());
}

Tensor denoise(DiffusionPipeline& pipeline, const Tensor& start, const Tensor& prompts,
               const Tensor& negative, const DenoiseOptions& options) {
  const NoGrad no_grad;
  const bool guided = options.guidance_scale > 1;
  check(!guided || negative.defined(), "denoise: guidance needs a negative prompt, empty or not");
  Scheduler& scheduler = *pipeline.scheduler;
  scheduler.set_timesteps(options.steps);
  Generator generator(options.seed ^ 0x9E3779B97F4A7C15u);  // apart from the latents' own
  const DrawNoise draw = [&](const Dims& shape) {
    return randn(shape, {.device = start.device()}, generator);
  };
  const Tensor context = guided ? concat({negative, prompts}, 0) : prompts;
  const auto twice = [&](const Tensor& x) { return guided ? concat({x, x}, 0) : x; };
  const Tensor control = options.control.defined() && options.control.size(0) == start.size(0)
                             ? twice(options.control)
                             : options.control;
  Tensor latents = start;
  for (size_t i = 0; i < scheduler.timesteps().size(); ++i) {
    const Tensor t = copy_of(tensor<int64_t>({scheduler.timesteps()[i]}), start.device());
    Tensor said = (*pipeline.unet)(twice(latents), t, context, control);
    if (guided) {
      const std::vector<Tensor> halves = split(said, latents.size(0), 0);
      said = halves[0] + (halves[1] - halves[0]) * options.guidance_scale;
    }
    latents = scheduler.step(said, i, latents, draw, options.eta);
    if (options.on_step && !options.on_step(int64_t(i) + 1, latents)) break;
  }
  return latents;
}

Image image_of(const Tensor& pictures, int64_t b) {
  const Tensor picture = permute(select(pictures, 0, b), {1, 2, 0});
  const Dims shape = picture.shape();
  Image image{shape[1], shape[0], shape[2], {}};
  for (const float v : picture.to_vector<float>())
    image.pixels.push_back(uint8_t(std::nearbyint(std::clamp(v, 0.f, 1.f) * 255)));
  return image;
}

Image picture_grid(const std::vector<Image>& pictures, int64_t columns) {
  check(!pictures.empty() && columns >= 1, "picture_grid: expected pictures and columns");
  const Image& first = pictures.front();
  const auto count = int64_t(pictures.size());
  columns = std::min(columns, count);
  const int64_t rows = (count + columns - 1) / columns, line = first.width * first.channels;
  Image grid{columns * first.width, rows * first.height, first.channels, {}};
  grid.pixels.resize(size_t(rows * first.height * columns * line));
  for (int64_t i = 0; i < count; ++i) {
    const Image& picture = pictures[size_t(i)];
    check(picture.width == first.width && picture.height == first.height &&
              picture.channels == first.channels,
          "picture_grid: expected pictures of one size");
    for (int64_t y = 0; y < first.height; ++y) {
      const int64_t row = i / columns * first.height + y;
      std::copy_n(picture.pixels.begin() + y * line, line,
                  grid.pixels.begin() + (row * columns + i % columns) * line);
    }
  }
  return grid;
}

}  // namespace papilio::nn
