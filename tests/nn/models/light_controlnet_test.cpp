#include "nn/models/light_controlnet.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

TEST_CASE("LightControlNet: the sizes of Stable Diffusion's, and zero at the start") {
  nn::LightControlNet model({});
  CHECK(nn::count_parameters(model).all == 1'086'480);
  CHECK(model.config.pixels_of_latent() == 8);
  nn::LightControlNet small({.block_out_channels = {4, 6}, .out_channels = 8});
  const Tensor y = small(rand({2, 3, 8, 6}));
  CHECK(y.shape() == Dims{2, 8, 4, 3});
  for (const float v : y.to_vector<float>()) CHECK(v == 0);
}

TEST_CASE("LightControlNet: PyTorch's answer and gradients from the file of PEFT's example") {
  const auto model = nn::load_light_controlnet(golden_diffusion("control"));
  const auto answers = golden_answers("control");
  const Tensor y = (*model)(answers.at("conditioning"));
  CHECK(largest_difference(y, answers.at("output")) < 1e-5);
  backward(y, answers.at("gradient"));
  expect_golden_gradients(*model, answers, "controlnet_cond_embedding.");
}

TEST_CASE("LightControlNet: written and read again; other files are refused") {
  const TemporaryFolder folder;
  nn::LightControlNet model({.block_out_channels = {2, 3, 4}, .out_channels = 5});
  nn::save_light_controlnet(model, folder / "control");
  const auto again = nn::load_light_controlnet(folder / "control");
  CHECK(again->config.block_out_channels == model.config.block_out_channels);
  CHECK(again->config.out_channels == 5);
  for (const auto& [name, tensor] : nn::state_dict(model))
    CHECK(nn::state_dict(*again).at(name).to_vector() == tensor.to_vector());
  CHECK_THROWS_WITH_AS(nn::load_light_controlnet(folder.path()),
                       doctest::Contains(": holds no control (model.safetensors)"), FileError);
  save_safetensors(folder / "model.safetensors", {{"x", zeros({2})}});
  CHECK_THROWS_WITH_AS(nn::load_light_controlnet(folder.path()),
                       doctest::Contains("expected (out, in, 3, 3) at "
                                         "controlnet_cond_embedding.conv_in.weight"),
                       FileError);
}

}  // namespace papilio::test
