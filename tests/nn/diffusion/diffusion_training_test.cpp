// A pipeline that learns from captioned pictures by the general loop.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"
#include "boft/model/model.h"
#include "nn/diffusion/captioned_batches.h"
#include "nn/diffusion/diffusion_loss.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/fit.h"
#include "nn/train/training_state.h"
#include "tensor/random.h"
#include "tests/nn/diffusion/drawn_pictures.h"
#include "tests/nn/models/golden_diffusion.h"

namespace papilio::test {

namespace fs = std::filesystem;

namespace {

nn::DiffusionPipeline golden_pipeline(const std::string& kind = "sd15") {
  std::vector<std::string> warnings;
  return nn::load_pipeline(golden_diffusion(kind), warnings);
}

// BOFT on the tiny UNet learns two pictures, with pictures of their class beside them, dropped
// captions, SNR weights and averages.
struct Run {
  nn::DiffusionPipeline pipeline = golden_pipeline();
  std::unique_ptr<boft::AdapterModel> adapters;
  std::unique_ptr<nn::Optimizer> optimizer;
  std::unique_ptr<nn::Loader> loader;
  std::unique_ptr<nn::ModelAverage> average;

  explicit Run(const fs::path& folder) {
    manual_seed(3);
    nn::set_trainable(pipeline, false);
    adapters = std::make_unique<boft::AdapterModel>(*pipeline.unet);
    adapters->add_adapter(
        "default", boft::BoftConfig{.boft_block_size = 4,
                                    .boft_n_butterfly_factor = 2,
                                    .boft_dropout = 0.5,
                                    .target_modules = std::vector<std::string>{"to_q", "to_v"}});
    optimizer = std::make_unique<nn::AdamW>(nn::parameter_groups(pipeline, {}),
                                            nn::AdamWOptions{.lr = 1e-2});
    loader = std::make_unique<nn::Loader>(
        nn::captioned_batches(
            nn::pictures_with_caption(folder / "own", "a sks square"),
            [this](const std::string& caption) { return pipeline.prompt_ids(caption); },
            {.size = 16,
             .random_crop = true,
             .hflip = 0.5,
             .caption_dropout = 0.3,
             .class_images = nn::pictures_with_caption(folder / "class", "a square")}),
        nn::Loader::Options{.batch_size = 2, .seed = 5});
    average = std::make_unique<nn::ModelAverage>(pipeline, 0.9);
  }
  nn::TrainingParts parts() { return {pipeline, *optimizer, *loader, average.get()}; }
  void train(int64_t from, int64_t to) {
    nn::fit(pipeline,
            [this](const nn::Batch& batch) {
              return nn::pipeline_loss(pipeline, batch, {.snr_gamma = 5, .prior_loss_weight = 0.5});
            },
            *loader, *optimizer, {.steps = to, .first_step = from, .average = average.get()});
  }
  std::map<std::string, std::vector<float>> learned() {
    std::map<std::string, std::vector<float>> values;
    for (const auto& [name, tensor] : nn::state_dict(pipeline)) values[name] = tensor.to_vector();
    for (const auto& [name, tensor] : average->state_dict())
      values["average." + name] = tensor.to_vector();
    return values;
  }
};

}  // namespace

TEST_CASE("a pipeline's training goes on bit for bit from a checkpoint") {
  const TemporaryFolder folder;
  write_captioned(folder / "own", 2, 20);
  write_captioned(folder / "class", 5, 20);
  Run whole(folder.path());
  const auto before = whole.learned();
  whole.train(0, 3);
  nn::save_training_state(folder / "state.safetensors", whole.parts(), {.step = 3});
  whole.train(3, 7);
  const auto want = whole.learned();
  CHECK(want != before);

  Run other(folder.path());
  const nn::TrainingPlace place =
      nn::load_training_state(folder / "state.safetensors", other.parts());
  CHECK(place.step == 3);
  other.train(place.step, 7);
  CHECK(other.learned() == want);
  // What is frozen has stayed.
  for (const auto& [name, values] : before)
    if (name.starts_with("vae.") || name.starts_with("text_encoder."))
      CHECK(want.at(name) == values);
}

TEST_CASE(
    "pipeline_loss: the errors of latents and captions, those of class pictures behind their own") {
  const TemporaryFolder folder;
  write_captioned(folder / "own", 2, 16);
  write_captioned(folder / "class", 2, 16);
  nn::DiffusionPipeline pipeline = golden_pipeline("sd21");
  const auto source = nn::captioned_batches(
      nn::pictures_with_caption(folder / "own", "a sks square"),
      [&](const std::string& caption) { return pipeline.prompt_ids(caption); },
      {.size = 16, .class_images = nn::pictures_with_caption(folder / "class", "a square")});
  const nn::Batch batch = nn::whole_batch(*source);
  const NoGrad no_grad;
  manual_seed(1);
  const double loss = nn::pipeline_loss(pipeline, batch, {.prior_loss_weight = 0.25}).item();
  manual_seed(1);
  // Pairs: one of the subject, one of the class.
  const Tensor images =
      reshape(stack({batch.inputs, batch.more.at("class_inputs")}, 1), {4, 3, 16, 16});
  const Tensor latents = pipeline.encode_images(images);
  CHECK(latents.shape() == Dims{4, 4, 8, 8});
  const Tensor context =
      pipeline.encode_prompts({"a sks square", "a square", "a sks square", "a square"});
  const nn::NoiseSchedule& schedule = pipeline.scheduler->schedule;
  CHECK(schedule.config.prediction_type == nn::Prediction::v);
  const nn::Noising noising = nn::draw_noising(schedule, latents);
  const auto errors =
      nn::diffusion_errors(*pipeline.unet, schedule, latents, context, noising).to_vector<double>();
  const double want = (errors[0] + errors[2]) / 2 + 0.25 * (errors[1] + errors[3]) / 2;
  CHECK(loss == doctest::Approx(want).epsilon(1e-6));
  CHECK_THROWS_AS(nn::pipeline_loss(pipeline, batch, {.snr_gamma = -1}), ArgumentError);
}

TEST_CASE("pipeline_loss: a control learns, and wants a conditioning picture") {
  const TemporaryFolder folder;
  write_captioned(folder.path(), 2, 16, true);
  nn::DiffusionPipeline pipeline = golden_pipeline();
  nn::set_trainable(pipeline, false);
  pipeline.control = std::make_unique<nn::LightControlNet>(
      nn::LightControlNetConfig{.block_out_channels = {4, 4},
                                .out_channels = pipeline.unet->config.block_out_channels.front()});
  const auto encode = [&](const std::string& caption) { return pipeline.prompt_ids(caption); };
  const nn::CaptionedData data =
      nn::open_captioned_folder(folder.path(), {.validation = 0, .test = 0}).train;
  nn::Batch batch = nn::whole_batch(*nn::captioned_batches(data, encode, {.size = 16}));
  backward(nn::pipeline_loss(pipeline, batch));
  double size = 0;
  for (const double v :
       grad(pipeline.control->controlnet_cond_embedding.conv_out.weight).to_vector())
    size += std::abs(v);
  CHECK(size > 0);
  batch.more.erase("conditioning");
  CHECK_THROWS_WITH_AS(nn::pipeline_loss(pipeline, batch),
                       "pipeline_loss: a control needs a conditioning picture for each sample",
                       ArgumentError);
}

TEST_CASE("vae_loss: squared error and divergence of each element") {
  nn::DiffusionPipeline pipeline = golden_pipeline();
  const NoGrad no_grad;
  const Tensor images = uniform({2, 3, 16, 16}, -1, 1);
  manual_seed(2);
  Tensor latents;
  const double loss = nn::vae_loss(*pipeline.vae, images, 0.5, &latents).item();
  manual_seed(2);
  const nn::LatentDistribution d = pipeline.vae->encode(images);
  const Tensor z = d.sample();
  CHECK(z.to_vector() == latents.to_vector());
  const auto x = images.to_vector(), y = pipeline.vae->decode(z).to_vector();
  double error = 0, kl = 0;
  for (size_t i = 0; i < x.size(); ++i) error += (x[i] - y[i]) * (x[i] - y[i]) / double(x.size());
  for (const double v : d.kl().to_vector()) kl += v / double(z.numel());
  CHECK(loss == doctest::Approx(error + 0.5 * kl).epsilon(1e-5));
  CHECK_THROWS_AS(nn::vae_loss(*pipeline.vae, images, -1), ArgumentError);
}

}  // namespace papilio::test
