// Training steps of vision transformers: frozen, BOFT, OFT, LoRA, full. Each iteration makes the
// frozen step and then the measured one, so that their ratio does not depend on what else the
// machine does.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "nn/layers/block.h"
#include "nn/models/vit.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/bench/targets.h"
#include "tests/bench/timing.h"
#include "tests/bench/vit_step.h"

namespace papilio::bench {
namespace {

// Google's and Facebook's small one.
const nn::ViTConfig kSmall{.image_size = 224,
                           .patch_size = 16,
                           .num_channels = 3,
                           .hidden_size = 384,
                           .num_hidden_layers = 12,
                           .num_attention_heads = 6,
                           .intermediate_size = 1536,
                           .num_labels = 1000};
const Size kViTSmall{"ViT-S/16", kSmall, 128}, kFewImages{"ViT-S/16, 8 images", kSmall, 8};
const Size kViTSmallHalf{"ViT-S/16 bfloat16", kSmall, 128, DType::bfloat16};
const Size kFewImagesHalf{"ViT-S/16, 8 images, bfloat16", kSmall, 8, DType::bfloat16};

// Seconds that all matrix products of one full step take by themselves: forward, and the two of
// backward.
double gemm_seconds(const Size& size) {
  const nn::ViTConfig& c = size.config;
  const int64_t rows = size.batch * size.tokens();
  const NoGrad no_grad;
  const auto best = [](auto product) {
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 20; ++i) least = std::min(least, seconds_of(product, on_gpu() ? 10 : 1));
    return least;
  };
  const auto seconds = [&](int64_t in, int64_t out) {
    const Tensor x = randn({rows, in}, here()), w = randn({out, in}, here());
    const Tensor g = randn({rows, out}, here());
    return best([&] { linear(x, w); }) + best([&] { matmul(g, w); }) +
           best([&] { matmul(transpose(g, 0, 1), x); });
  };
  return double(c.num_hidden_layers) *
         (4 * seconds(c.hidden_size, c.hidden_size) + seconds(c.hidden_size, c.intermediate_size) +
          seconds(c.intermediate_size, c.hidden_size));
}

// The median of how long `step` takes beside `other`, in turns: thirty, or those of ten seconds.
double median_ratio(Step& step, Step& other) {
  std::vector<double> ratios;
  double spent = 0;
  while (ratios.size() < 30 && (ratios.size() < 5 || spent < 10)) {
    const double base = seconds_of(other), now = seconds_of(step);
    spent += base + now;
    ratios.push_back(now / base);
  }
  return median(ratios);
}

void vit_step(benchmark::State& state, const Size& size, Method method) {
  Step frozen(size, Method::frozen, device()), step(size, method, device());
  std::vector<double> seconds, ratios;
  for (int i = 0; i < 3; ++i) frozen(), step();
  for (auto _ : state) {
    const double base = seconds_of(frozen), now = seconds_of(step);
    seconds.push_back(now);
    ratios.push_back(now / base);
    state.SetIterationTime(now);
  }
  const double ratio = median(ratios);
  state.counters["x_frozen"] = ratio;
  state.counters["images/s"] = double(size.batch) / median(seconds);
  const std::string at = std::string(size.name);
  if (method == Method::boft) {
    report_target(
        {"BOFT b=4 m=2 step against frozen step, " + at, ratio, on_gpu() ? 1.05 : 1.10, true});
    Step lora(size, Method::lora, device());
    report_target(
        {"BOFT b=4 m=2 step against LoRA r=8 step, " + at, median_ratio(step, lora), 1.0, true});
  }
  if (method == Method::full && size.precision == DType::float32) {
    Step recomputed(size, Method::full, device(), nn::Recompute::blocks);
    report_target({"full step that computes its blocks again, against one that does not, " + at,
                   median_ratio(recomputed, step), 1.33, true});
    const double fraction = gemm_seconds(size) / median(seconds);
    state.counters["sgemm_fraction"] = fraction;
    report_target(
        {"full step: share of the time its sgemm alone takes, " + at, fraction, 0.6, false});
  }
}

}  // namespace

void register_vit_steps() {
  const std::pair<const char*, Method> methods[] = {{"frozen", Method::frozen},
                                                    {"boft", Method::boft},
                                                    {"oft", Method::oft},
                                                    {"lora", Method::lora},
                                                    {"full", Method::full}};
  for (const Size* size : {&kDigits, &kImages32, on_gpu() ? &kViTSmall : &kFewImages,
                           on_gpu() ? &kViTSmallHalf : &kFewImagesHalf}) {
    for (const auto& [name, method] : methods) {
      benchmark::RegisterBenchmark((std::string("vit_step/") + size->name + '/' + name).c_str(),
                                   vit_step, *size, method)
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond)
          ->MinTime(size->config.image_size == kSmall.image_size && !on_gpu() ? 6 : 1.5);
    }
  }
}

}  // namespace papilio::bench
