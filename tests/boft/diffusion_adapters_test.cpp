// PEFT's adapters on the parts of Stable Diffusion, in both directions: adapters that
// tests/peers/make_diffusion_adapters.py wrote.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "boft/files/checkpoint.h"
#include "boft/model/model.h"
#include "nn/models/clip_text.h"
#include "nn/models/detail/transformers_names.h"
#include "nn/models/unet_2d_condition.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

// What the adapter's folder holds is written back tensor by tensor.
void expect_same_files(const boft::AdapterModel& model, const std::string& name) {
  const TemporaryFolder folder;
  boft::save_adapter(model, folder.path());
  const auto want = load_safetensors(golden_diffusion(name) / "adapter_model.safetensors").tensors;
  const auto got = load_safetensors(folder / "adapter_model.safetensors").tensors;
  CHECK(got.size() == want.size());
  for (const auto& entry : want) {
    CAPTURE(entry.first);
    REQUIRE(got.contains(entry.first));
    CHECK(got.at(entry.first).to_vector() == entry.second.to_vector());
  }
}

}  // namespace

TEST_CASE("PEFT's adapters of every method on a UNet: the same outputs, the same files back") {
  const NoGrad no_grad;
  const auto inputs = golden_answers("sd15.unet");
  for (const std::string method : {"boft", "oft", "lora", "hra"}) {
    CAPTURE(method);
    std::vector<std::string> warnings;
    const auto unet = nn::load_unet(golden_diffusion("sd15/unet"), warnings);
    boft::AdapterModel adapters(*unet);
    CHECK(boft::load_adapter(adapters, golden_diffusion("unet_" + method)).empty());
    nn::eval(*unet);
    const auto answer = [&] {
      return (*unet)(inputs.at("even.sample"), inputs.at("timesteps"), inputs.at("even.context"));
    };
    const Tensor want = golden_answers("unet_" + method + "/answers").at("output");
    CHECK(largest_difference(answer(), want) < 1e-5);
    CHECK(largest_difference(want, inputs.at("even.output")) > 1e-2);  // it does something
    expect_same_files(adapters, "unet_" + method);
    adapters.merge_and_unload(true);
    CHECK(largest_difference(answer(), want) < 1e-5);
  }
}

TEST_CASE("PEFT's adapter on a text encoder, whose names Transformers 5 shortens") {
  const NoGrad no_grad;
  const auto inputs = golden_answers("sd15.text");
  std::vector<std::string> warnings;
  const auto text = nn::load_clip_text(golden_diffusion("sd15/text_encoder"), warnings);
  boft::AdapterModel adapters(*text);
  CHECK(boft::load_adapter(adapters, golden_diffusion("text_boft")).empty());
  nn::eval(*text);
  const Tensor want = golden_answers("text_boft/answers").at("output");
  CHECK(largest_difference((*text)(inputs.at("tokens")), want) < 1e-5);
  CHECK(largest_difference(want, inputs.at("output")) > 1e-2);
  expect_same_files(adapters, "text_boft");
  CHECK(nn::transformers5_name("text_model.encoder.layers.1.mlp.fc1") ==
        "encoder.layers.1.mlp.fc1");
  CHECK(nn::checkpoint_name("encoder.layers.1.mlp.fc1") == "text_model.encoder.layers.1.mlp.fc1");
}

}  // namespace papilio::test
