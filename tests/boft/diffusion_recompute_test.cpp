// Gradient checkpointing of Stable Diffusion's UNet and text encoder: the bits that they have
// without, of adapters with dropout and of everything, and less memory.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/ops/cast.h"
#include "boft/model/model.h"
#include "nn/diffusion/diffusion_loss.h"
#include "nn/layers/block.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tensor/storage.h"
#include "tests/nn/models/golden_diffusion.h"

namespace papilio::test {

namespace {

using Adapters = std::vector<std::unique_ptr<boft::AdapterModel>>;
// What trains in the pipeline.
using Method = std::function<Adapters(nn::DiffusionPipeline&)>;

// This adapter on the UNet's attention, and on the text encoder's.
template <class Config>
Method with(Config config) {
  return [config](nn::DiffusionPipeline& pipeline) {
    nn::set_trainable(pipeline, false);
    Adapters all;
    const auto add = [&](nn::Module& part, const boft::ModuleNames& targets) {
      Config own = config;
      own.target_modules = targets;
      all.push_back(std::make_unique<boft::AdapterModel>(part));
      all.back()->add_adapter("a", own);
    };
    add(*pipeline.unet, {"to_q", "to_v", "to_out.0"});
    add(*pipeline.text_encoder, {"q_proj", "v_proj"});
    return all;
  };
}

// Everything trains, and the UNet's ResNets drop out.
Adapters in_full(nn::DiffusionPipeline& pipeline) {
  nn::set_trainable(*pipeline.vae, false);
  nn::for_each_module(*pipeline.unet, [](const std::string&, nn::Module& module) {
    if (auto* const resnet = dynamic_cast<nn::ResnetBlock2D*>(&module)) resnet->dropout.p = 0.3;
  });
  return {};
}

struct Result {
  std::vector<std::vector<double>> numbers;  // losses and gradients of two batches added up
  GeneratorState random;
  size_t peak = 0;

  bool operator==(const Result& other) const {
    return numbers == other.numbers && random == other.random;
  }
};

Result result_of(const Method& method, DType precision, nn::Recompute recompute) {
  manual_seed(11);
  std::vector<std::string> warnings;
  nn::DiffusionPipeline pipeline = nn::load_pipeline(golden_diffusion("sd15"), warnings);
  const Adapters adapters = method(pipeline);
  nn::train(pipeline);
  nn::set_recompute(pipeline, recompute);
  const Tensor latents = randn({4, 4, 16, 16}), noise = randn({4, 4, 16, 16});
  const nn::Noising noising{noise, tensor<int64_t>({40, 700, 3, 999})};
  std::vector<int64_t> ids;
  for (const char* prompt : {"a sks square", "", "red", "a square"})
    for (const int64_t id : pipeline.prompt_ids(prompt)) ids.push_back(id);
  const Tensor tokens = tensor<int64_t>(ids, {4, int64_t(ids.size()) / 4});
  Result result;
  reset_peak_memory();
  for (int batch = 0; batch < 2; ++batch) {
    Tensor loss;
    {
      const Autocast scope(precision);
      loss = nn::prior_preserving_mean(
          nn::diffusion_errors(*pipeline.unet, pipeline.scheduler->schedule, latents,
                               (*pipeline.text_encoder)(tokens), noising));
    }
    result.numbers.push_back({loss.item()});
    backward(loss);
  }
  result.peak = memory_stats().peak_in_use;
  for (const Tensor& p : nn::trainable_parameters(pipeline))
    if (grad(p)) result.numbers.push_back(grad(p).to_vector<double>());
  result.random = default_generator().state();
  return result;
}

}  // namespace

TEST_CASE("recompute: Stable Diffusion's parts have the bits they have without, in less memory") {
  boft::BoftConfig boft{
      .boft_block_size = 2, .boft_n_butterfly_factor = 2, .boft_dropout = 0.3, .bias = "boft_only"};
  boft.init_weights = false;
  boft::LoraConfig lora{.r = 2, .lora_dropout = 0.3};
  lora.init_lora_weights = false;
  for (const Method& method : {with(boft), with(lora), Method(in_full)}) {
    for (const DType precision : {DType::float32, DType::bfloat16}) {
      const Result off = result_of(method, precision, nn::Recompute::off),
                   blocks = result_of(method, precision, nn::Recompute::blocks),
                   selective = result_of(method, precision, nn::Recompute::selective);
      CHECK(off.numbers.size() > 20);
      CHECK(off.random.offset > 0);
      CHECK(blocks == off);
      CHECK(selective == off);
      CHECK(blocks.peak < selective.peak);
      CHECK(selective.peak < off.peak);
    }
  }
}

}  // namespace papilio::test
