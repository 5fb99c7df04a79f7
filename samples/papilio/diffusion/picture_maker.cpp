#include "samples/papilio/diffusion/picture_maker.h"

#include <algorithm>

#include "autograd/grad_mode.h"
#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"
#include "nn/data/formats/image.h"
#include "nn/data/transforms/resize.h"
#include "nn/train/progress.h"
#include "samples/papilio/run/interrupt.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::cli {

namespace {

// Pictures [begin, end) of those wanted; none if a signal came.
std::vector<nn::Image> make(nn::DiffusionPipeline& pipeline,
                            const std::vector<WantedPicture>& wanted, size_t begin, size_t end,
                            const PictureSettings& s, const nn::OnStep& on_step) {
  const NoGrad no_grad;
  const int64_t side = pipeline.default_side();
  const int64_t height = s.height > 0 ? s.height : side, width = s.width > 0 ? s.width : side;
  std::vector<std::string> prompts;
  std::vector<Tensor> latents;
  for (size_t i = begin; i < end; ++i) {
    prompts.push_back(wanted[i].prompt);
    latents.push_back(nn::initial_latents(pipeline, 1, height, width, wanted[i].seed));
  }
  const Tensor asked = pipeline.encode_prompts(prompts);
  const std::vector<std::string> against(prompts.size(), s.negative_prompt);
  Tensor control;
  if (s.conditioning.defined()) {
    const Tensor own = s.conditioning.size(0) == 1
                           ? s.conditioning
                           : slice(s.conditioning, 0, int64_t(begin), int64_t(end));
    control = (*pipeline.control)(copy_of(own, pipeline.device()));
  }
  const Tensor result =
      nn::denoise(pipeline, concat(latents, 0), asked, pipeline.encode_prompts(against),
                  {.steps = s.steps,
                   .guidance_scale = s.guidance_scale,
                   .eta = s.eta,
                   .seed = wanted[begin].seed,
                   .control = control,
                   .on_step = on_step});
  std::vector<nn::Image> images;
  if (Interruptible::signal() != 0) return images;
  const Tensor decoded = pipeline.decode_latents(result);
  for (size_t i = begin; i < end; ++i) images.push_back(nn::image_of(decoded, int64_t(i - begin)));
  return images;
}

}  // namespace

size_t make_pictures(nn::DiffusionPipeline& pipeline, const std::vector<WantedPicture>& wanted,
                     const PictureSettings& s, std::FILE* progress_to,
                     const std::function<void(size_t i, const nn::Image& image)>& on_picture) {
  const auto batch = size_t(s.batch_size);
  const auto runs = int64_t((wanted.size() + batch - 1) / batch);
  nn::Progress progress(progress_to, "denoising", runs * s.steps);
  size_t done = 0;
  for (size_t begin = 0; begin < wanted.size() && Interruptible::signal() == 0; begin += batch) {
    const size_t end = std::min(begin + batch, wanted.size());
    const auto on_step = [&](int64_t step, const Tensor&) {
      progress.update(int64_t(begin / batch) * s.steps + step, int64_t(end - begin),
                      str("picture ", begin + 1, " of ", wanted.size()));
      return Interruptible::signal() == 0;
    };
    for (const nn::Image& image : make(pipeline, wanted, begin, end, s, on_step))
      on_picture(done++, image);
  }
  progress.finish();
  return done;
}

Tensor conditioning_of(const nn::Image& image) {
  std::vector<float> values;
  for (size_t c = 0; c < 3; ++c)
    for (size_t i = c; i < image.pixels.size(); i += 3)
      values.push_back(float(image.pixels[i]) / 255);
  return tensor<float>(values, {1, 3, image.height, image.width});
}

Tensor read_conditioning(const std::string& file, int64_t height, int64_t width) {
  return conditioning_of(nn::resize(nn::with_channels(nn::read_image(file), 3), height, width,
                                    nn::Interpolation::bilinear));
}

}  // namespace papilio::cli
