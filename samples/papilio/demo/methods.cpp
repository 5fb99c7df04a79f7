#include "samples/papilio/demo/methods.h"

#include <cstddef>

#include "samples/papilio/demo/curve.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/output/table.h"

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

// The exact Cayley transform; eps > 0: COFT.
boft::OftConfig oft(double eps) {
  return {.oft_block_size = 8,
          .coft = eps > 0,
          .eps = eps,
          .use_cayley_neumann = false,
          .target_modules = every_linear_layer(),
          .modules_to_save = {"classifier"}};
}

boft::HraConfig hra(int64_t r) {
  return {.r = r, .target_modules = every_linear_layer(), .modules_to_save = {"classifier"}};
}

}  // namespace

std::vector<DemoMethod> methods() {
  using Kind = DemoMethod::Kind;
  return {{.name = "boft_b4_m2", .label = "BOFT b=4 m=2", .adapter = boft(4, 2), .lr = 3e-2},
          {.name = "boft_b2_m4", .label = "BOFT b=2 m=4", .adapter = boft(2, 4), .lr = 3e-2},
          {.name = "oft", .label = "OFT b=8", .adapter = oft(0), .lr = 1e-1},
          {.name = "lora", .label = "LoRA r=4", .adapter = lora(4), .lr = 1e-2},
          {.name = "probe", .label = "linear probe", .kind = Kind::probe, .lr = 1e-1},
          {.name = "full", .label = "full finetuning", .kind = Kind::full, .lr = 1e-3}};
}

std::vector<CurveSetting> curve_settings(bool few) {
  using Kind = DemoMethod::Kind;
  std::vector<CurveSetting> settings;
  const auto over_rates = [&](const DemoMethod& method, const std::vector<double>& rates) {
    for (size_t i = 0; i < rates.size(); ++i) {
      if (few && i != 1 && i + 1 != rates.size()) continue;
      settings.push_back({.setting = cli::short_number(rates[i]), .method = method});
      settings.back().method.lr = rates[i];
    }
  };
  const std::vector<double> rates{1e-3, 3e-3, 1e-2, 3e-2};
  boft::BoftConfig positive = boft(4, 2);
  positive.scale = boft::BoftScale::positive;
  over_rates({.name = "boft_b4_m2", .label = "BOFT b=4 m=2", .adapter = boft(4, 2)}, rates);
  if (!few)
    over_rates({.name = "boft_positive", .label = "BOFT b=4 m=2 s>0", .adapter = positive}, rates);
  over_rates({.name = "oft", .label = "OFT b=8", .adapter = oft(0)}, rates);
  for (const double eps : {0.3, 1., 3.}) {
    if (few && eps != 1) continue;
    settings.push_back(
        {.setting = "eps " + cli::short_number(eps),
         .method = {.name = "coft", .label = "COFT b=8", .adapter = oft(eps), .lr = 3e-2}});
  }
  if (!few) over_rates({.name = "hra", .label = "HRA r=8", .adapter = hra(8)}, rates);
  over_rates({.name = "lora", .label = "LoRA r=4", .adapter = lora(4)}, rates);
  over_rates({.name = "full", .label = "full finetuning", .kind = Kind::full},
             {1e-4, 3e-4, 1e-3, 3e-3});
  settings.push_back(
      {.setting = "0.1",
       .method = {.name = "probe", .label = "linear probe", .kind = Kind::probe, .lr = 1e-1}});
  return settings;
}

CurvePlan whole_curve(int64_t seeds) {
  return {.settings = curve_settings(false), .seeds = seeds};
}

CurvePlan quick_curve(uint64_t seed) {
  return {.settings = curve_settings(true),
          .pretrainings = {seed},
          .epochs = {20},
          .fitted_heads = {false}};
}

}  // namespace papilio::demo
