// A model with adapters on a device: moved, trained, saved and loaded as on the CPU. Passed over
// without one.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "boft/model/model.h"
#include "nn/models/attention_maps.h"
#include "nn/models/vit.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/fit.h"
#include "nn/train/training_state.h"
#include "tensor/copy.h"
#include "tensor/random.h"
#include "tests/devices.h"
#include "tests/nn/digits.h"
#include "tests/nn/models/tiny_vit.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

nn::ViTConfig config() {
  nn::ViTConfig config = test::tiny_vit_config();
  config.hidden_dropout_prob = config.drop_path_rate = 0.1;
  config.initializer_range = 0.2;
  return config;
}

boft::BoftConfig boft_config() {
  return {.boft_block_size = 4,
          .boft_n_butterfly_factor = 2,
          .boft_dropout = 0.3,
          .target_modules = {"query", "value", "output.dense"},
          .bias = "boft_only",
          .modules_to_save = {"classifier"}};
}

boft::OftConfig oft_config(bool series) {
  return {.oft_block_size = 4,
          .use_cayley_neumann = series,
          .target_modules = {"query", "dense"},
          .modules_to_save = {"classifier"}};
}

// A small ViT with an adapter, and what trains it.
struct Run {
  nn::ViTForImageClassification model;
  boft::AdapterModel adapters;
  nn::Loader loader;
  std::unique_ptr<nn::AdamW> optimizer;
  std::vector<double> losses;

  explicit Run(const boft::AdapterConfig& c, Device device)
      : model((manual_seed(3), config())),
        adapters(model),
        loader(digit_batches(), {.batch_size = 8, .seed = 1}) {
    adapters.add_adapter("default", c);
    adapters.to(device);
    optimizer = std::make_unique<nn::AdamW>(nn::parameter_groups(model, {.weight_decay = 0.01}),
                                            nn::AdamWOptions{.lr = 1e-2});
  }
  void train(int64_t first, int64_t steps, DType precision = DType::float32) {
    const auto forward =
        nn::autocast([this](const Tensor& images) { return model(images); }, precision);
    nn::fit(model, forward, loader, *optimizer,
            {.steps = steps,
             .first_step = first,
             .schedule = {.kind = nn::schedule_kind("constant"), .total_steps = 10},
             .on_step = [this](const nn::StepReport& r) {
               losses.push_back(r.loss);
               return true;
             }});
  }
};

double difference(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  REQUIRE(x.size() == y.size());
  double most = 0;
  for (size_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(x[i] - y[i]));
  return most;
}

}  // namespace

TEST_CASE("a ViT with an adapter trains on a device as on the CPU, in both precisions") {
  if (no_device()) return;
  boft::LoraConfig lora{.r = 2, .target_modules = {"query"}, .modules_to_save = {"classifier"}};
  const std::vector<boft::AdapterConfig> kinds{boft_config(), oft_config(false), oft_config(true),
                                               lora};
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    for (const DType precision : {DType::float32, DType::bfloat16}) {
      if (kind > 0 && precision == DType::bfloat16) continue;  // time
      CAPTURE(kind);
      CAPTURE(precision);
      Run here(kinds[kind], Device::cpu()), there(kinds[kind], Device::cuda());
      for (const Tensor& p : there.optimizer->parameters()) CHECK(p.device() == Device::cuda());
      for (Run* run : {&here, &there}) {
        manual_seed(5);  // the same dropout
        run->train(0, 3, precision);
      }
      const bool full = precision == DType::float32;
      for (size_t i = 0; i < 3; ++i)
        CHECK(there.losses[i] == doctest::Approx(here.losses[i]).epsilon(full ? 1e-4 : 2e-2));
      const auto a = here.optimizer->parameters(), b = there.optimizer->parameters();
      for (size_t i = 0; full && i < a.size(); ++i) CHECK(difference(a[i], b[i]) < 1e-3);
    }
  }
}

TEST_CASE("an adapter saved from a device is the CPU's, and the other way round") {
  if (no_device()) return;
  const TemporaryFolder folder;
  Run run(boft_config(), Device::cuda());
  run.train(0, 2);
  boft::save_adapter(run.adapters, folder.path() / "from_device");
  const Tensor images = slice(digit_batch().inputs, 0, 0, 4);
  const Tensor logits = to(run.model(to(images, Device::cuda())).detach(), Device::cpu());

  manual_seed(3);
  nn::ViTForImageClassification model(config());
  boft::AdapterModel adapters(model);
  CHECK(boft::load_adapter(adapters, folder.path() / "from_device").empty());
  nn::eval(model);
  CHECK(difference(model(images), logits) < 1e-4);
  boft::save_adapter(adapters, folder.path() / "from_cpu");
  CHECK(read_bytes(folder.path() / "from_cpu" / "adapter_model.safetensors") ==
        read_bytes(folder.path() / "from_device" / "adapter_model.safetensors"));

  const nn::AttentionMaps maps = nn::attention_maps(run.model, images);
  CHECK(difference(maps.rollout, nn::attention_maps(model, images).rollout) < 1e-4);

  // A new classifier is where the old one was.
  run.model.reset_classifier(3);
  CHECK(run.model.classifier.weight.device() == Device::cuda());

  // Loaded into a model that is on the device already; and moved back.
  manual_seed(3);
  nn::ViTForImageClassification moved(config());
  nn::to(moved, Device::cuda());
  boft::AdapterModel on_device(moved);
  on_device.add_adapter("first", oft_config(true));
  boft::load_adapter(on_device, folder.path() / "from_cpu", "second");
  on_device.set_adapter({"second"});
  nn::eval(moved);
  CHECK(difference(moved(to(images, Device::cuda())), logits) < 1e-4);
  on_device.to(Device::cpu());
  CHECK(difference(moved(images), logits) < 1e-4);
}

TEST_CASE("a run stops on a device and goes on there bit for bit, in both precisions") {
  if (no_device()) return;
  for (const DType precision : {DType::float32, DType::bfloat16}) {
    const TemporaryFolder folder;
    Run whole(boft_config(), Device::cuda());
    whole.train(0, 2, precision);
    nn::save_training_state(folder.path() / "state", {whole.model, *whole.optimizer, whole.loader},
                            {.step = 2});
    whole.train(2, 4, precision);
    Run again(boft_config(), Device::cuda());
    nn::load_training_state(folder.path() / "state", {again.model, *again.optimizer, again.loader});
    again.train(2, 4, precision);
    CHECK(std::vector(whole.losses.begin() + 2, whole.losses.end()) == again.losses);
    const auto a = whole.optimizer->parameters(), b = again.optimizer->parameters();
    for (size_t i = 0; i < a.size(); ++i)
      CHECK(a[i].to_vector<double>() == b[i].to_vector<double>());
  }
}

TEST_CASE("merged weights follow to a device, the ones kept beside them too") {
  if (no_device()) return;
  Run run(boft_config(), Device::cpu());
  run.train(0, 2);
  const Tensor images = slice(digit_batch().inputs, 0, 0, 4);
  const Tensor adapted = copy_of(run.model(images));
  const Tensor weight = copy_of(run.adapters.layers("default")[0].layer->weight);
  run.adapters.merge();
  run.adapters.to(Device::cuda());
  const Tensor there = to(images, Device::cuda());
  CHECK(difference(run.model(there), adapted) < 1e-4);
  {
    const auto disabled = run.adapters.disable();
    CHECK(difference(run.adapters.layers("default")[0].layer->weight, weight) == 0);
    run.model(there);
  }
  run.adapters.unmerge();
  const Tensor& back = run.adapters.layers("default")[0].layer->weight;
  CHECK(back.device() == Device::cuda());
  CHECK(difference(back, weight) == 0);
  CHECK(difference(run.model(there), adapted) < 1e-4);
  run.adapters.merge_and_unload();
  CHECK(difference(run.model(there), adapted) < 1e-4);
}

TEST_CASE("a model moved behind the back of its own adapters says so") {
  if (no_device()) return;
  Run run(boft_config(), Device::cpu());
  nn::to(run.model, Device::cuda());
  const TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(
      boft::save_adapter(run.adapters, folder.path() / "a"),
      "own_tensors: vit.encoder.layer.0.attention.attention.query.bias was "
      "replaced while adapters have their own; move the model with AdapterModel::to",
      ArgumentError);
}

}  // namespace papilio::test
