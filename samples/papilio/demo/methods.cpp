#include "samples/papilio/demo/methods.h"

#include "samples/papilio/options/model_options.h"

namespace papilio::demo {

const std::vector<double> kRates{3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1};
const char* const kRateRule =
    "Every method is trained once, with a seed of its own, with each rate of one grid, and keeps "
    "the one with the lowest cross-entropy on the validation digits of the new classes.";

namespace {

boft::ModuleNames every_linear_layer() {
  return {"query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"};
}

boft::BoftConfig boft(int64_t b, int64_t m) {
  return {.boft_block_size = b,
          .boft_n_butterfly_factor = m,
          .target_modules = every_linear_layer(),
          .modules_to_save = {"classifier"}};
}

boft::LoraConfig lora(int64_t r) {
  return {.r = r,
          .lora_alpha = double(2 * r),
          .target_modules = every_linear_layer(),
          .modules_to_save = {"classifier"}};
}

}  // namespace

std::vector<DemoMethod> methods() {
  using Kind = DemoMethod::Kind;
  return {{"boft_b4_m2", "BOFT b=4 m=2", Kind::adapter, boft(4, 2), 3e-2},
          {"boft_b2_m4", "BOFT b=2 m=4", Kind::adapter, boft(2, 4), 3e-2},
          {"oft", "OFT b=8", Kind::adapter, boft(8, 1), 3e-2},
          {"lora", "LoRA r=4", Kind::adapter, lora(4), 1e-2},
          {"probe", "linear probe", Kind::probe, {}, 1e-1},
          {"full", "full finetuning", Kind::full, {}, 1e-3}};
}

nn::ViTConfig model_config() {
  nn::ViTConfig config = cli::ModelSettings{}.vit;
  config.num_labels = 5;
  return config;
}

nn::RandomAffine augmentation() {
  const cli::AugmentSettings usual = cli::TrainingSettings{}.augment;
  return {.shift_pixels = usual.shift, .rotation_degrees = usual.rotate};
}

}  // namespace papilio::demo
