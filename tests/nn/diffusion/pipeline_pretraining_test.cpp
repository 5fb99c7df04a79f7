#include "nn/diffusion/pipeline_pretraining.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "nn/diffusion/captioned_batches.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/fit.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/random.h"
#include "tests/nn/diffusion/drawn_pictures.h"
#include "tests/nn/diffusion/tiny_pipeline.h"
#include "tests/nn/models/golden_diffusion.h"

namespace papilio::test {

TEST_CASE("make_pipeline: parts that do not go together are refused") {
  nn::PipelineConfig c = tiny_config();
  c.text.hidden_size = 16;
  CHECK_THROWS_WITH_AS(nn::make_pipeline(c, tiny_tokenizer()),
                       "make_pipeline: expected a cross_attention_dim of 16, the text encoder's "
                       "hidden_size, got 8",
                       ArgumentError);
  c = tiny_config();
  c.vae.latent_channels = 4;
  CHECK_THROWS_AS(nn::make_pipeline(c, tiny_tokenizer()), ArgumentError);
  c = tiny_config();
  c.text.vocab_size = 100;
  CHECK_THROWS_AS(nn::make_pipeline(c, tiny_tokenizer()), ArgumentError);
}

TEST_CASE("PipelinePretraining: all three parts learn; the folder is read back with its scale") {
  const TemporaryFolder folder;
  write_captioned(folder / "data", 6, 8);
  manual_seed(1);
  nn::DiffusionPipeline pipeline = nn::make_pipeline(tiny_config(), tiny_tokenizer());
  nn::PipelinePretraining pretraining(pipeline);
  const nn::CaptionedData data =
      nn::open_captioned_folder(folder / "data", {.validation = 0, .test = 0}).train;
  nn::Loader loader(
      nn::captioned_batches(
          data, [&](const std::string& caption) { return pipeline.prompt_ids(caption); },
          {.size = 8}),
      {.batch_size = 6});
  nn::AdamW optimizer(nn::parameter_groups(pretraining, {}), {.lr = 3e-3});
  const nn::StateDict before = nn::state_dict(pretraining);
  std::map<std::string, std::vector<float>> began;
  for (const auto& [name, tensor] : before) began[name] = tensor.to_vector();
  // The loss of all pictures at the same noise before and after: the VAE's, or that of all parts.
  const auto measured = [&](bool vae) {
    const NoGrad no_grad;
    const nn::Batch batch = nn::whole_batch(loader.source());
    double sum = 0;
    for (uint64_t seed = 0; seed < 40; ++seed) {
      manual_seed(seed);
      sum += (vae ? nn::vae_loss(*pipeline.vae, batch.inputs, 0) : pretraining.loss(batch)).item();
    }
    return sum / 40;
  };
  const double vae = measured(true), all = measured(false);
  nn::fit(pretraining, [&](const nn::Batch& batch) { return pretraining.loss(batch); }, loader,
          optimizer, {.steps = 200, .on_step = [&](const nn::StepReport&) {
                        pretraining.end_step();
                        return true;
                      }});
  CHECK(measured(true) < 0.9 * vae);
  CHECK(measured(false) - measured(true) < 0.99 * (all - vae));
  for (const char* part : {"pipeline.unet.conv_in.weight", "pipeline.vae.encoder.conv_in.weight",
                           "pipeline.vae.decoder.conv_out.weight",
                           "pipeline.text_encoder.text_model.final_layer_norm.weight"}) {
    CAPTURE(part);
    REQUIRE(began.contains(part));
    CHECK(nn::state_dict(pretraining).at(part).to_vector() != began.at(part));
  }
  const double variance = pretraining.latent_variance.item();
  CHECK(variance != 1);
  CHECK(pipeline.vae->config.scaling_factor ==
        doctest::Approx(1 / std::sqrt(variance)).epsilon(1e-6));

  nn::save_pipeline(pipeline, folder / "saved");
  // Others pad a prompt to that, and the text encoder takes no more.
  CHECK(nlohmann::json::parse(
            read_file(folder / "saved/tokenizer/tokenizer_config.json"))["model_max_length"] ==
        pipeline.text_encoder->config.max_position_embeddings);
  std::vector<std::string> warnings;
  nn::DiffusionPipeline again = nn::load_pipeline(folder / "saved", warnings);
  CHECK(warnings.empty());
  CHECK(again.vae->config.scaling_factor == pipeline.vae->config.scaling_factor);
  CHECK(again.prompt_ids("a red square") == pipeline.prompt_ids("a red square"));
  const auto picture = [](nn::DiffusionPipeline& p) {
    const NoGrad no_grad;
    return p.decode_latents(nn::denoise(p, nn::initial_latents(p, 1, 8, 8, 3),
                                        p.encode_prompts({"a red square"}), {},
                                        {.steps = 2, .guidance_scale = 1}));
  };
  CHECK(picture(again).to_vector() == picture(pipeline).to_vector());
}

}  // namespace papilio::test
