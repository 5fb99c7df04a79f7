// The example of PEFT's documentation of BOFT: DINOv2 adapted for 100 classes. "sample_08_dinov2
// cpu large" does it at DINOv2-large's size.
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "boft/methods/boft.h"
#include "boft/model/model.h"
#include "nn/models/dinov2.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "tensor/device_named.h"
#include "tensor/dry_run.h"
#include "tensor/random.h"
#include "tensor/storage.h"

using namespace papilio;

// Weights are random here; nn::from_pretrained("dinov2-large") loads those of a folder.
nn::Dinov2Config model_config(bool large) {
  if (large)
    return {.hidden_size = 1024,
            .num_hidden_layers = 24,
            .num_attention_heads = 16,
            .num_labels = 100,
            .layerscale_value = 0.5};
  return {.image_size = 56,
          .hidden_size = 64,
          .num_hidden_layers = 3,
          .num_attention_heads = 4,
          .num_labels = 100,
          .layerscale_value = 0.5,
          .initializer_range = 0.1};
}

boft::BoftConfig adapter_config() {
  return {.boft_block_size = 4,
          .boft_n_butterfly_factor = 2,
          .boft_dropout = 0.1,
          .target_modules = {"query", "value", "key", "output.dense", "mlp.fc1", "mlp.fc2"},
          .bias = "boft_only",
          .modules_to_save = {"classifier"}};
}

// The parameters of DINOv2-large with so many layers, and those that train: counted without memory.
nn::ParameterCount counted(int64_t layers) {
  const DryRun no_memory;
  nn::Dinov2Config config = model_config(true);
  config.num_hidden_layers = layers;
  nn::Dinov2ForImageClassification model(config);
  boft::AdapterModel adapters(model);
  adapters.add_adapter("default", adapter_config());
  return nn::count_parameters(model);
}

// DINOv2-large has 24 layers, of which each adds as many as the second.
void count() {
  const nn::ParameterCount one = counted(1), two = counted(2);
  const int64_t trained = one.trainable + 23 * (two.trainable - one.trainable),
                all = one.all + 23 * (two.all - one.all);
  std::cout << "DINOv2-large: " << trained << " of " << all << " parameters train, "
            << 100 * double(trained) / double(all) << " %\n";
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Tensor logits(nn::Dinov2ForImageClassification& model, const Tensor& images) {
  const NoGrad no_grad;
  nn::eval(model);
  return model(images);
}

double difference(const Tensor& a, const Tensor& b) {
  return max(abs(a - b)).item();
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  const bool large = argc > 2 && std::string(argv[2]) == "large";
  count();
  manual_seed(1);
  const auto begin = std::chrono::steady_clock::now();
  nn::Dinov2ForImageClassification model(model_config(large));
  nn::to(model, device);
  std::cout << "model made in " << seconds_since(begin) << " s\n";
  // DINOv2-large was trained on 518 pixels; smaller images get resized position embeddings.
  const int64_t pixels = large ? 224 : 42, batch = large ? 2 : 8;
  const Tensor images = randn({batch, 3, pixels, pixels}, {.device = device});
  const Tensor labels = to(randint(0, 100, {batch}), device);
  const Tensor base = logits(model, images);

  boft::AdapterModel adapters(model);
  for (const std::string& warning : adapters.add_adapter("default", adapter_config()))
    std::cout << warning << '\n';
  adapters.to(device);
  std::cout << nn::trainable_parameters_line(model) << '\n';
  const double start = difference(logits(model, images), base);

  nn::AdamW optimizer(nn::parameter_groups(model, {}), {.lr = large ? 1e-3 : 1e-2});
  reset_peak_memory();
  double first = 0, last = 0;
  nn::train(model);
  for (int step = 0; step < (large ? 3 : 30); ++step) {
    const auto step_begin = std::chrono::steady_clock::now();
    const Tensor loss = cross_entropy(model(images), labels);
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
    last = loss.item();
    if (step == 0) first = last;
    if (large) std::cout << "step " << seconds_since(step_begin) << " s, loss " << last << '\n';
  }
  std::cout << "loss " << first << " -> " << last << ", peak of all tensors "
            << memory_stats().peak_in_use / 1000000 << " MB\n";

  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / "papilio_sample_08_dinov2";
  boft::save_adapter(adapters, folder);
  const Tensor adapted = logits(model, images);
  adapters.merge();
  const double merged = difference(logits(model, images), adapted);
  adapters.unload();
  const double unloaded = difference(logits(model, images), base);
  boft::load_adapter(adapters, folder);
  adapters.to(device);
  const double loaded = difference(logits(model, images), adapted);
  std::filesystem::remove_all(folder);
  std::cout << "largest difference of logits: at the start " << start << ", merged " << merged
            << ", unloaded " << unloaded << ", loaded again " << loaded << '\n';
  check<Error>(start == 0 && unloaded == 0 && loaded == 0,
               "attaching, unloading and loading are exact");
  check<Error>(merged < 1e-3, "merged and unmerged logits agree");
  check<Error>(last < first, "the loss falls");
} catch (const std::exception& e) {
  std::cerr << "08_dinov2: " << e.what() << '\n';
  return 1;
}
