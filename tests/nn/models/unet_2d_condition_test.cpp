#include "nn/models/unet_2d_condition.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
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

// The UNet of a golden pipeline, with its weights.
std::unique_ptr<nn::UNet2DConditionModel> golden_unet(const std::string& kind) {
  std::vector<std::string> warnings;
  auto unet = nn::load_unet(golden_diffusion(kind + "/unet"), warnings);
  CHECK(warnings.empty());
  return unet;
}

json golden_config() {
  return json::parse(read_bytes(golden_diffusion("sd15/unet/config.json")));
}

nn::UNet2DConditionConfig read(const json& document) {
  JsonFields fields(document, "config.json");
  return nn::read_unet_config(fields);
}

}  // namespace

TEST_CASE("UNet2DConditionModel: Diffusers' outputs, with convolutions and with linear layers") {
  const NoGrad no_grad;
  for (const std::string kind : {"sd15", "sd21"}) {
    const auto unet = golden_unet(kind);
    const auto answers = golden_answers(kind + ".unet");
    for (const std::string size : {"even", "odd"}) {
      CAPTURE(kind);
      CAPTURE(size);
      const Tensor y = (*unet)(answers.at(size + ".sample"), answers.at("timesteps"),
                               answers.at(size + ".context"));
      CHECK(largest_difference(y, answers.at(size + ".output")) < 1e-5);
    }
  }
}

TEST_CASE("UNet2DConditionModel: Diffusers' gradients") {
  for (const std::string kind : {"sd15", "sd21"}) {
    const auto unet = golden_unet(kind);
    const auto answers = golden_answers(kind + ".unet");
    const Tensor sample = leaf(answers.at("odd.sample")), context = leaf(answers.at("odd.context"));
    backward(sum((*unet)(sample, answers.at("timesteps"), context) * answers.at("odd.weights")));
    CHECK(largest_difference(grad(sample), answers.at("gradient.sample")) < 1e-5);
    CHECK(largest_difference(grad(context), answers.at("gradient.context")) < 1e-5);
    expect_golden_gradients(*unet, answers);
  }
}

TEST_CASE("UNet2DConditionModel: a variant in shards of half precision is nearly the same") {
  const NoGrad no_grad;
  std::vector<std::string> warnings;
  const auto half = nn::load_unet(golden_diffusion("sd21/unet"), warnings, "fp16");
  const auto answers = golden_answers("sd21.unet");
  const Tensor y =
      (*half)(answers.at("even.sample"), answers.at("timesteps"), answers.at("even.context"));
  const double difference = largest_difference(y, answers.at("even.output"));
  CHECK(difference < 2e-2);
  CHECK(difference > 1e-6);  // it is another file
  CHECK_THROWS_WITH_AS(nn::load_unet(golden_diffusion("sd21/unet"), warnings, "bf16"),
                       doctest::Contains("holds no diffusion_pytorch_model.bf16.safetensors; there "
                                         "are weights without a variant and of variant fp16"),
                       FileError);
}

TEST_CASE("UNet2DConditionModel: written and read again it is the same, settings and all") {
  const NoGrad no_grad;
  const TemporaryFolder folder;
  const auto unet = golden_unet("sd15");
  nn::save_pretrained(*unet, folder.path());
  json before = golden_config();
  const json after = json::parse(read_bytes(folder / "config.json"));
  CHECK(after.size() == before.size());
  for (const auto& entry : before.items()) {
    CAPTURE(entry.key());
    CHECK(after.value(entry.key(), json("nothing")) == entry.value());
  }
  std::vector<std::string> warnings;
  const auto again = nn::load_unet(folder.path(), warnings);
  const auto answers = golden_answers("sd15.unet");
  const auto answer = [&](nn::UNet2DConditionModel& m) {
    return m(answers.at("odd.sample"), answers.at("timesteps"), answers.at("odd.context"));
  };
  CHECK(answer(*unet).to_vector() == answer(*again).to_vector());
}

// Parameters and their tensors, of a model whose memory is never touched.
TEST_CASE("UNet2DConditionModel has the sizes of Stable Diffusion 1.5 and 2.1") {
  const nn::SkipInit skip;
  nn::UNet2DConditionModel small({.cross_attention_dim = {768, 768, 768, 768}});
  CHECK(nn::count_parameters(small).all == 859'520'964);
  CHECK(nn::named_parameters(small).size() == 686);
  nn::UNet2DConditionModel large({.cross_attention_dim = {1024, 1024, 1024, 1024},
                                  .attention_head_dim = {5, 10, 20, 20},
                                  .use_linear_projection = true});
  CHECK(nn::count_parameters(large).all == 865'910'724);
}

TEST_CASE("UNet2DConditionModel: control is added behind conv_in") {
  const NoGrad no_grad;
  const auto unet = golden_unet("sd15");
  const auto answers = golden_answers("sd15.unet");
  const Tensor &x = answers.at("even.sample"), &t = answers.at("timesteps"),
               &c = answers.at("even.context");
  const Tensor plain = (*unet)(x, t, c);
  CHECK((*unet)(x, t, c, zeros({2, 8, 8, 8})).to_vector() == plain.to_vector());
  CHECK(largest_difference((*unet)(x, t, c, ones({2, 8, 8, 8})), plain) > 1e-2);
}

TEST_CASE("UNet2DConditionModel: what it does not compute is refused by name") {
  const auto with = [](const char* key, const json& value) {
    json document = golden_config();
    document[key] = value;
    return document;
  };
  CHECK_THROWS_WITH_AS(read(with("_class_name", "UNet2DModel")),
                       "config.json: _class_name: expected \"UNet2DConditionModel\", got "
                       "\"UNet2DModel\"",
                       FileError);
  CHECK_THROWS_WITH_AS(read(with("addition_embed_type", "text_time")),
                       doctest::Contains("Stable Diffusion XL"), FileError);
  CHECK_THROWS_WITH_AS(read(with("class_embed_type", "timestep")),
                       "config.json: class_embed_type: expected null (nothing else is supported), "
                       "got \"timestep\"",
                       FileError);
  CHECK_THROWS_WITH_AS(read(with("dual_cross_attention", true)),
                       doctest::Contains("dual_cross_attention: expected false"), FileError);
  CHECK_THROWS_WITH_AS(read(with("act_fn", "mish")), doctest::Contains("act_fn"), FileError);
  CHECK_THROWS_WITH_AS(read(with("attention_head_dim", json{1, 2, 3})),
                       doctest::Contains("attention_head_dim: expected a number, or a list of 2"),
                       FileError);
  CHECK(read(with("_class_name", "FlaxUNet2DConditionModel")).in_channels == 4);
  nn::UNet2DConditionConfig odd = read(golden_config());
  odd.down_block_types[0] = "AttnDownBlock2D";
  CHECK_THROWS_WITH_AS(nn::UNet2DConditionModel{odd},
                       "UNet2DConditionModel: expected blocks of DownBlock2D or "
                       "CrossAttnDownBlock2D, got AttnDownBlock2D",
                       ArgumentError);
}

TEST_CASE("UNet2DConditionModel: wrong inputs") {
  const auto unet = golden_unet("sd15");
  const Tensor x = zeros({2, 4, 8, 8}), t = tensor<int64_t>({1}), c = zeros({2, 5, 16});
  CHECK_THROWS_WITH_AS((*unet)(zeros({2, 3, 8, 8}), t, c),
                       "UNet2DConditionModel: expected a sample of shape (B, 4, H, W), got (2, 3, "
                       "8, 8)",
                       ArgumentError);
  CHECK_THROWS_WITH_AS((*unet)(x, tensor<int64_t>({1, 2, 3}), c),
                       "UNet2DConditionModel: expected a timestep for each of 2 samples, or one, "
                       "got (3)",
                       ArgumentError);
  CHECK_THROWS_WITH_AS((*unet)(x, t, zeros({1, 5, 16})),
                       "UNet2DConditionModel: expected a context of shape (2, S, D), got (1, 5, "
                       "16)",
                       ArgumentError);
}

}  // namespace papilio::test
