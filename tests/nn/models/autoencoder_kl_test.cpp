#include "nn/models/autoencoder_kl.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/math.h"
#include "autograd/ops/reduce.h"
#include "nn/init.h"
#include "nn/models/pretrained.h"
#include "tensor/creation.h"
#include "tensor/files/detail/json.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using nlohmann::json;

namespace {

std::unique_ptr<nn::AutoencoderKL> golden_vae(const std::string& kind) {
  std::vector<std::string> warnings;
  auto vae = nn::load_vae(golden_diffusion(kind + "/vae"), warnings);
  CHECK(warnings.empty());
  return vae;
}

nn::AutoencoderKLConfig read(const json& document) {
  JsonFields fields(document, "config.json");
  return nn::read_vae_config(fields);
}

}  // namespace

// sd21's file has the names of 2022.
TEST_CASE("AutoencoderKL: Diffusers' latents, pictures and divergence, with new and old names") {
  const NoGrad no_grad;
  const auto answers = golden_answers("sd15.vae");
  for (const std::string kind : {"sd15", "sd21"}) {
    CAPTURE(kind);
    const auto vae = golden_vae(kind);
    const nn::LatentDistribution latents = vae->encode(answers.at("images"));
    CHECK(largest_difference(latents.mean, answers.at("mean")) < 1e-5);
    CHECK(largest_difference(latents.log_variance, answers.at("logvar")) < 1e-5);
    CHECK(largest_difference(latents.kl(), answers.at("kl")) < 1e-3);  // of hundreds
    const Tensor z = latents.mean + exp(latents.log_variance * 0.5) * answers.at("latents");
    CHECK(largest_difference(vae->decode(z), answers.at("decoded")) < 1e-5);
  }
}

TEST_CASE("AutoencoderKL: Diffusers' gradients") {
  const auto vae = golden_vae("sd15");
  const auto answers = golden_answers("sd15.vae");
  const Tensor images = leaf(answers.at("images"));
  const nn::LatentDistribution latents = vae->encode(images);
  const Tensor z = latents.mean + exp(latents.log_variance * 0.5) * answers.at("latents");
  backward(sum(vae->decode(z) * answers.at("weights")) + sum(latents.kl()) * 0.1);
  CHECK(largest_difference(grad(images), answers.at("gradient.images")) < 1e-5);
  expect_golden_gradients(*vae, answers);
}

TEST_CASE("AutoencoderKL: a sample is mean + deviation times the generator's noise") {
  const nn::LatentDistribution latents{full({2, 1, 2, 2}, 3), full({2, 1, 2, 2}, 0)};
  Generator a(5), b(5);
  const auto got = latents.sample(a).to_vector(), noise = randn({2, 1, 2, 2}, {}, b).to_vector();
  for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(3 + noise[i]));
}

TEST_CASE("AutoencoderKL: written and read again it is the same") {
  const NoGrad no_grad;
  const TemporaryFolder folder;
  const auto vae = golden_vae("sd21");
  nn::save_pretrained(*vae, folder.path());
  const json before = json::parse(read_bytes(golden_diffusion("sd21/vae/config.json")));
  const json after = json::parse(read_bytes(folder / "config.json"));
  for (const auto& entry : before.items()) {
    CAPTURE(entry.key());
    CHECK(after.value(entry.key(), json("nothing")) == entry.value());
  }
  std::vector<std::string> warnings;
  const auto again = nn::load_vae(folder.path(), warnings);
  const Tensor z = uniform({1, 4, 3, 3}, -1, 1);
  CHECK(vae->decode(z).to_vector() == again->decode(z).to_vector());
}

TEST_CASE("AutoencoderKL has the size of Stable Diffusion's") {
  const nn::SkipInit skip;
  nn::AutoencoderKL vae({.block_out_channels = {128, 256, 512, 512}, .layers_per_block = 2});
  CHECK(nn::count_parameters(vae).all == 83'653'863);
  CHECK(vae.config.pixels_of_latent() == 8);
}

TEST_CASE("AutoencoderKL: what it does not take is refused by name") {
  json document = json::parse(read_bytes(golden_diffusion("sd15/vae/config.json")));
  document["shift_factor"] = 0.1;
  CHECK_THROWS_WITH_AS(read(document),
                       "config.json: shift_factor: expected null (nothing else is supported), got "
                       "0.1",
                       FileError);
  document["shift_factor"] = nullptr;
  document["down_block_types"] = {"DownEncoderBlock2D", "AttnDownEncoderBlock2D"};
  CHECK_THROWS_WITH_AS(read(document),
                       doctest::Contains("down_block_types: expected 2 times "
                                         "\"DownEncoderBlock2D\""),
                       FileError);
  document["_class_name"] = "AutoencoderTiny";
  CHECK_THROWS_WITH_AS(read(document), doctest::Contains("_class_name"), FileError);
  const auto vae = golden_vae("sd15");
  CHECK_THROWS_WITH_AS(vae->encode(zeros({1, 3, 7, 8})),
                       "AutoencoderKL: expected a height and width that are multiples of 2, got 7 "
                       "and 8",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(vae->encode(zeros({1, 4, 8, 8})),
                       "AutoencoderKL: expected images of shape (B, 3, H, W), got (1, 4, 8, 8)",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(vae->decode(zeros({1, 3, 8, 8})),
                       "AutoencoderKL: expected latents of shape (B, 4, H, W), got (1, 3, 8, 8)",
                       ArgumentError);
}

}  // namespace papilio::test
