// DreamBooth's steps with adapters on both parts of Stable Diffusion, beside Diffusers and PEFT:
// what tests/peers/make_dreambooth.py wrote.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "boft/files/checkpoint.h"
#include "boft/model/model.h"
#include "nn/diffusion/diffusion_loss.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tests/capture_bound.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/peers/gradients.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

// Two adapters' tensors under PEFT's keys, which begin with "unet." or "text_encoder.".
std::map<std::string, Tensor> tensors_of(const boft::AdapterModel& unet,
                                         const boft::AdapterModel& text) {
  std::map<std::string, Tensor> all;
  for (const auto& [name, model] : {std::pair("unet.", &unet), std::pair("text_encoder.", &text)}) {
    const TemporaryFolder folder;
    boft::save_adapter(*model, folder.path());
    for (const auto& [key, tensor] : load_safetensors(folder / "adapter_model.safetensors").tensors)
      all[name + key] = copy_of(tensor);
  }
  return all;
}

// Each tensor's probe is that of the answers under this prefix.
void expect_probes(const std::map<std::string, Tensor>& tensors,
                   const std::map<std::string, Tensor>& answers, const std::string& prefix,
                   double tolerance) {
  size_t seen = 0;
  for (const auto& [key, tensor] : tensors) {
    CAPTURE_BOUND(key);
    REQUIRE(answers.contains(prefix + key));
    double size = 0;
    for (const double v : tensor.to_vector<double>()) size += v * v;
    CHECK(std::abs(probe(tensor) - answers.at(prefix + key).item()) <
          tolerance * (1 + std::sqrt(size)));
    ++seen;
  }
  CHECK(seen > 20);
}

}  // namespace

TEST_CASE("DreamBooth: Diffusers' and PEFT's losses, gradients and steps, of every method") {
  for (const std::string method : {"boft", "oft", "lora", "hra"}) {
    CAPTURE(method);
    const auto answers = golden_answers("dreambooth." + method);
    std::vector<std::string> warnings;
    nn::DiffusionPipeline pipeline = nn::load_pipeline(golden_diffusion("sd15"), warnings);
    nn::set_trainable(pipeline, false);
    boft::AdapterModel unet(*pipeline.unet), text(*pipeline.text_encoder);
    CHECK(boft::load_adapter(unet, golden_diffusion("unet_" + method)).empty());
    CHECK(boft::load_adapter(text, golden_diffusion("text_boft")).empty());
    const nn::Noising noising{answers.at("noise"), answers.at("timesteps")};
    const auto loss = [&] {
      return nn::prior_preserving_mean(
          nn::diffusion_errors(*pipeline.unet, pipeline.scheduler->schedule, answers.at("latents"),
                               (*pipeline.text_encoder)(answers.at("tokens")), noising),
          {.prior_loss_weight = 0.5});
    };
    // Gradients as values, then the values that were loaded again.
    backward(loss());
    become_gradients(pipeline);
    expect_probes(tensors_of(unet, text), answers, "gradient.", 1e-5);
    unet.delete_adapter("default"), text.delete_adapter("default");
    boft::load_adapter(unet, golden_diffusion("unet_" + method));
    boft::load_adapter(text, golden_diffusion("text_boft"));

    const std::vector<Tensor> parameters = nn::trainable_parameters(pipeline);
    nn::AdamW optimizer({{.parameters = parameters, .weight_decay = 1e-2}}, {.lr = 1e-2});
    const auto losses = answers.at("losses").to_vector<double>();
    for (const double want : losses) {
      optimizer.zero_grad();
      const Tensor now = loss();
      CHECK(now.item() == doctest::Approx(want).epsilon(1e-5));
      backward(now);
      nn::clip_grad_norm(parameters, 1);
      optimizer.step();
    }
    expect_probes(tensors_of(unet, text), answers, "trained.", 1e-4);
  }
}

}  // namespace papilio::test
