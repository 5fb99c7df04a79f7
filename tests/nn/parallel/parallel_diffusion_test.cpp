// Diffusion models that several ranks train as one does.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "boft/model/model.h"
#include "nn/diffusion/captioned_batches.h"
#include "nn/diffusion/diffusion_loss.h"
#include "nn/optim/parameter_groups.h"
#include "nn/parallel/all_values.h"
#include "nn/parallel/data_parallel.h"
#include "nn/train/fit.h"
#include "tests/nn/diffusion/drawn_pictures.h"
#include "tests/nn/diffusion/tiny_pipeline.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/nn/parallel/ranks.h"

namespace papilio::test {

namespace {

struct Learned {
  std::vector<double> losses;
  std::vector<std::vector<float>> values;
  GeneratorState random;
  bool operator==(const Learned&) const = default;
};

// Steps of 5, 2 and again 5 samples.
Learned learn(nn::Module& model, const nn::Loss& loss, const nn::Batches& data,
              const nn::DataParallel* parallel, const std::function<void()>& end_step) {
  nn::Loader::Options options{.batch_size = 5, .seed = 3};
  if (parallel != nullptr) options.parts = parallel->parts();
  nn::Loader loader(data, options);
  nn::Sgd optimizer(nn::parameter_groups(model, {}), {.lr = 0.05, .momentum = 0.9});
  Learned learned;
  nn::fit(model, loss, loader, optimizer,
          {.steps = 3, .parallel = parallel, .on_step = [&](const nn::StepReport& r) {
             end_step();
             learned.losses.push_back(r.loss);
             return true;
           }});
  for (const auto& [name, tensor] : nn::state_dict(model))
    learned.values.push_back(tensor.to_vector());
  learned.random = default_generator().state();
  return learned;
}

// VAE, UNet and text encoder, whose latents' scale is one for the whole batch.
Learned pretrain(const nn::CaptionedData& data, const nn::DataParallel* parallel) {
  manual_seed(1);
  nn::DiffusionPipeline pipeline = nn::make_pipeline(tiny_config(), tiny_tokenizer());
  nn::PipelinePretraining pretraining(pipeline);
  const auto everywhere = [&](const std::vector<nn::LatentMoments>& own) {
    return parallel != nullptr ? nn::all_values(parallel->ranks, own) : own;
  };
  const nn::Batches batches = nn::captioned_batches(
      data, [&](const std::string& caption) { return pipeline.prompt_ids(caption); },
      {.size = 8, .random_crop = true, .hflip = 0.5, .caption_dropout = 0.4});
  return learn(
      pretraining, [&](const nn::Batch& batch) { return pretraining.loss(batch); }, batches,
      parallel, [&] { pretraining.end_step(everywhere); });
}

// LoRA on UNet and text encoder, with dropout, beside pictures of the class.
Learned adapt(const nn::CaptionedData& data, const nn::CaptionedData& of_class,
              const nn::DataParallel* parallel) {
  manual_seed(2);
  std::vector<std::string> warnings;
  nn::DiffusionPipeline pipeline = nn::load_pipeline(golden_diffusion("sd15"), warnings);
  nn::set_trainable(pipeline, false);
  boft::AdapterModel unet(*pipeline.unet), text_encoder(*pipeline.text_encoder);
  const auto lora = [](const std::vector<std::string>& names) {
    return boft::LoraConfig{
        .r = 2, .lora_dropout = 0.3, .target_modules = names, .init_lora_weights = false};
  };
  unet.add_adapter("default", lora({"to_q", "to_v", "time_emb_proj"}));
  text_encoder.add_adapter("default", lora({"q_proj", "v_proj"}));
  const nn::Batches batches = nn::captioned_batches(
      data, [&](const std::string& caption) { return pipeline.prompt_ids(caption); },
      {.size = 16, .hflip = 0.5, .class_images = of_class});
  return learn(
      pipeline,
      [&](const nn::Batch& batch) {
        return nn::pipeline_loss(pipeline, batch, {.snr_gamma = 5, .prior_loss_weight = 0.5});
      },
      batches, parallel, [] {});
}

void check_close(const Learned& one, const Learned& other) {
  REQUIRE(one.losses.size() == other.losses.size());
  for (size_t i = 0; i < one.losses.size(); ++i)
    CHECK(one.losses[i] == doctest::Approx(other.losses[i]).epsilon(1e-4));
  CHECK(one.random == other.random);
  REQUIRE(one.values.size() == other.values.size());
  double worst = 0;
  for (size_t v = 0; v < one.values.size(); ++v)
    for (size_t i = 0; i < one.values[v].size(); ++i)
      worst = std::max(worst, std::abs(double(one.values[v][i]) - double(other.values[v][i])));
  CHECK(worst < 1e-4);
}

// On several ranks what one learns, but for rounding; in parts, to the bit.
void check_everywhere(const std::function<Learned(const nn::DataParallel*)>& learn_with) {
  const Learned alone = learn_with(nullptr);
  const nn::DataParallel several{.ranks = ranks()};
  check_close(learn_with(&several), alone);
  const auto one_process = nn::one_process();
  const nn::DataParallel parts{.ranks = *one_process, .reproducible_parts = 3},
      shared{.ranks = ranks(), .reproducible_parts = 3};
  const Learned want = learn_with(&parts);
  check_close(want, alone);
  CHECK(learn_with(&shared) == want);
}

}  // namespace

TEST_CASE("parallel: a pipeline that learns from nothing has one process's noise and scale") {
  const TemporaryFolder folder;
  write_captioned(folder.path(), 7, 10);
  const nn::CaptionedData data =
      nn::open_captioned_folder(folder.path(), {.validation = 0, .test = 0}).train;
  check_everywhere([&](const nn::DataParallel* parallel) { return pretrain(data, parallel); });
}

TEST_CASE("parallel: a pipeline's adapters have one process's noise and masks, in pairs too") {
  const TemporaryFolder folder;
  write_captioned(folder / "own", 4, 16);
  write_captioned(folder / "class", 7, 16);
  const nn::CaptionedData own = nn::pictures_with_caption(folder / "own", "a sks square"),
                          none = nullptr,
                          of_class = nn::pictures_with_caption(folder / "class", "a square");
  check_everywhere(
      [&](const nn::DataParallel* parallel) { return adapt(own, of_class, parallel); });
  check_everywhere(
      [&](const nn::DataParallel* parallel) { return adapt(of_class, none, parallel); });
}

}  // namespace papilio::test
