// Papilio's half of compare_diffusion.py and bench_diffusion.py.
//
//   papilio_diffusion compare PIPELINE ADAPTERS BATCH OUT
//       ADAPTERS: a folder with unet and perhaps text_encoder. BATCH: tokens (B, T), latents,
//       noise, timesteps. Written into OUT: result.safetensors (output of the UNet on the noisy
//       latents, loss), and the adapters with the loss's gradients as their values.
//   papilio_diffusion step UNET METHOD SECONDS      METHOD: full, or an adapter's folder
//   papilio_diffusion denoise UNET SECONDS
//       One image of 32 x 32 latents and 77 tokens. Prints the shortest call in seconds and by how
//       many bytes the process grew over the loaded weights at its largest.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "nn/diffusion/diffusion_loss.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/bench/targets.h"
#include "tests/peers/gradients.h"
#include "tests/peers/or_say.h"
#include "tests/peers/process_bytes.h"

namespace papilio::test {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<boft::AdapterModel> with_adapter(nn::Module& part, const fs::path& folder) {
  if (!fs::exists(folder)) return nullptr;
  auto adapters = std::make_unique<boft::AdapterModel>(part);
  for (const std::string& warning : boft::load_adapter(*adapters, folder))
    std::cout << warning << '\n';
  return adapters;
}

void compare(const std::string& folder, const fs::path& adapters, const std::string& batch_file,
             const fs::path& out) {
  std::vector<std::string> warnings;
  nn::DiffusionPipeline pipeline = nn::load_pipeline(folder, warnings);
  nn::set_trainable(pipeline, false);
  const auto unet = with_adapter(*pipeline.unet, adapters / "unet"),
             text = with_adapter(*pipeline.text_encoder, adapters / "text_encoder");
  nn::eval(pipeline);
  const auto batch = load_safetensors(batch_file).tensors;
  const nn::NoiseSchedule& schedule = pipeline.scheduler->schedule;
  const nn::Noising noising{batch.at("noise"), batch.at("timesteps")};
  const Tensor &latents = batch.at("latents"), &t = noising.timesteps;
  const Tensor context = (*pipeline.text_encoder)(batch.at("tokens"));
  const Tensor output = (*pipeline.unet)(schedule.add_noise(latents, noising.noise, t), t, context);
  const Tensor loss =
      mean(nn::diffusion_errors(*pipeline.unet, schedule, latents, context, noising));
  backward(loss);
  fs::create_directories(out);
  save_safetensors(out / "result.safetensors",
                   {{"output", output.detach()}, {"loss", loss.detach()}});
  become_gradients(pipeline);
  boft::save_adapter(*unet, out / "unet");
  if (text != nullptr) boft::save_adapter(*text, out / "text_encoder");
}

template <class F>
void report(double seconds, F&& call) {
  reset_peak_bytes();
  const int64_t before = process_bytes("VmRSS");
  call();
  double best = std::numeric_limits<double>::infinity(), spent = 0;
  while (spent < seconds) {
    const double one = bench::best_seconds(1, call);
    best = std::min(best, one);
    spent += one;
  }
  std::cout << best << ' ' << process_bytes("VmHWM") - before << '\n';
}

std::unique_ptr<nn::UNet2DConditionModel> loaded(const std::string& folder) {
  std::vector<std::string> warnings;
  return nn::load_unet(folder, warnings);
}

struct Inputs {
  Tensor latents, context, t = tensor<int64_t>({500});
  explicit Inputs(const nn::UNet2DConditionConfig& c)
      : latents(randn({1, c.in_channels, 32, 32})),
        context(randn({1, 77, c.cross_attention_dim[0]})) {}
};

void time_step(const std::string& folder, const std::string& method, double seconds) {
  const auto unet = loaded(folder);
  const Inputs x(unet->config);
  const nn::NoiseSchedule schedule({.beta_schedule = "scaled_linear"});
  nn::train(*unet);
  nn::set_trainable(*unet, method == "full");
  std::unique_ptr<boft::AdapterModel> adapters;
  if (method != "full") adapters = with_adapter(*unet, method);
  constexpr double kLearningRate = 3e-5;  // of PEFT's guide, as in bench_diffusion.py
  nn::AdamW optimizer({{.parameters = nn::trainable_parameters(*unet)}}, {.lr = kLearningRate});
  report(seconds, [&] {
    optimizer.zero_grad();
    backward(mean(nn::diffusion_errors(*unet, schedule, x.latents, x.context,
                                       nn::draw_noising(schedule, x.latents))));
    optimizer.step();
  });
}

void time_denoise(const std::string& folder, double seconds) {
  const auto unet = loaded(folder);
  const Inputs x(unet->config);
  nn::eval(*unet);
  const NoGrad no_grad;
  report(seconds, [&] { (*unet)(x.latents, x.t, x.context); });
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 5 && words[0] == "compare") {
    compare(words[1], words[2], words[3], words[4]);
  } else if (words.size() == 4 && words[0] == "step") {
    time_step(words[1], words[2], std::stod(words[3]));
  } else {
    check(words.size() == 3 && words[0] == "denoise",
          "papilio_diffusion: expected compare, step or denoise");
    time_denoise(words[1], std::stod(words[2]));
  }
  return 0;
}

}  // namespace
}  // namespace papilio::test

int main(int argc, char** argv) {
  return papilio::test::or_say([&] { return papilio::test::run({argv + 1, argv + argc}); });
}
