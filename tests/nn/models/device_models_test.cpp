// Optimisers and models on a device: what they do on the CPU. Passed over without one.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/models/dinov2.h"
#include "nn/models/vit.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/fit.h"
#include "tensor/copy.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/autograd/op_case.h"
#include "tests/devices.h"
#include "tests/near.h"
#include "tests/nn/digits.h"
#include "tests/nn/models/tiny_vit.h"
#include "tests/temporary_folder.h"
#include "tests/tensor/faults.h"

namespace papilio::test {

namespace {

nn::ViTForImageClassification tiny_vit() {
  manual_seed(3);
  nn::ViTConfig config = tiny_vit_config();
  config.initializer_range = 0.1;
  return nn::ViTForImageClassification(config);
}

}  // namespace

TEST_CASE("optimisers and clipping do the same on a device") {
  if (no_device()) return;
  const auto run = [](Device device, auto make) {
    std::vector<Tensor> p;
    for (int64_t n : {5, 9000, 1}) {
      p.push_back(copy_of(copy_of(uniform64({n}), DType::float32), device));
      set_requires_grad(p.back());
    }
    const auto optimizer = make(p);
    double norm = 0;
    for (uint64_t step = 0; step < 3; ++step) {
      for (const Tensor& x : p)
        set_grad(x,
                 copy_of(copy_of(uniform64(x.shape(), -1, 1, 7 + step), DType::float32), device));
      norm = nn::clip_grad_norm(p, 2);
      optimizer->step();
    }
    std::vector<Tensor> result{scalar(norm)};
    for (const Tensor& x : p) result.push_back(x);
    return result;
  };
  const auto compare = [&](auto make) {
    const auto here = run(Device::cpu(), make), there = run(Device::cuda(), make);
    for (size_t i = 0; i < here.size(); ++i) check_near(here[i], there[i], 1e-6);
  };
  compare([](const auto& p) {
    return std::make_unique<nn::AdamW>(std::vector<nn::ParameterGroup>{{p, 1, 0.1}});
  });
  for (const bool nesterov : {false, true}) {
    compare([&](const auto& p) {
      return std::make_unique<nn::Sgd>(std::vector<nn::ParameterGroup>{{p, 1, 0.1}},
                                       nn::SgdOptions{.momentum = 0.9, .nesterov = nesterov});
    });
  }
  compare([](const auto& p) {
    return std::make_unique<nn::Sgd>(std::vector<nn::ParameterGroup>{{p, 1, 0.1}});
  });
}

TEST_CASE("a ViT moved to a device trains there as on the CPU, and its checkpoint comes back") {
  if (no_device()) return;
  const auto trained = [](Device device) {
    auto model = tiny_vit();
    nn::to(model, device);
    CHECK(nn::device_of(model) == device);
    nn::Loader loader(digit_batches(), {.batch_size = 8, .seed = 1});
    nn::AdamW optimizer(nn::parameter_groups(model, {.weight_decay = 0.01}), {.lr = 3e-3});
    std::vector<double> losses;
    const nn::Forward forward = [&](const Tensor& images) { return model(images); };
    nn::fit(model, forward, loader, optimizer,
            {.steps = 3, .on_step = [&](const nn::StepReport& r) {
               losses.push_back(r.loss);
               return true;
             }});
    const TemporaryFolder folder;
    save_safetensors(folder.path() / "model.safetensors", nn::state_dict(model));
    return std::pair(losses, load_safetensors(folder.path() / "model.safetensors"));
  };
  const auto [here, saved_here] = trained(Device::cpu());
  const auto [there, saved_there] = trained(Device::cuda());
  for (size_t i = 0; i < here.size(); ++i)
    CHECK(here[i] == doctest::Approx(there[i]).epsilon(1e-4));
  CHECK(saved_here.tensors.size() == saved_there.tensors.size());
}

TEST_CASE("a moved ViT takes a new classifier, and images of another size") {
  if (no_device()) return;
  const auto logits = [](Device device) {
    auto model = tiny_vit();
    model.vit.embeddings.interpolate_pos_encoding = true;
    nn::eval(model);
    nn::to(model, device);
    manual_seed(4);
    model.reset_classifier(3);
    manual_seed(5);
    return copy_of(model(to(randn({2, 1, 12, 16}), device)), Device::cpu());
  };
  check_near(logits(Device::cpu()), logits(Device::cuda()), 1e-5);
}

namespace {

// Logits of two images, and every gradient of their loss.
template <class Model>
std::vector<Tensor> computed_on(Device device, Model& model, const Dims& images) {
  nn::to(model, device);
  manual_seed(5);
  const Tensor logits = model(to(randn(images), device));
  backward(cross_entropy(logits, to(tensor<int64_t>({1, 0}), device)));
  std::vector<Tensor> results{copy_of(logits.detach(), Device::cpu())};
  for (const auto& [name, parameter] : nn::named_parameters(model)) {
    if (const Tensor g = grad(*parameter); g.defined())
      results.push_back(copy_of(g, Device::cpu()));
  }
  return results;
}

template <class MakeModel>
void check_as_on_the_cpu(const MakeModel& make_model, const Dims& images) {
  const auto results = [&](Device device) {
    manual_seed(3);
    auto model = make_model();
    return computed_on(device, model, images);
  };
  const auto here = results(Device::cpu()), there = results(Device::cuda());
  REQUIRE(here.size() == there.size());
  for (size_t i = 0; i < here.size(); ++i) check_near(here[i], there[i], 1e-4);
}

}  // namespace

TEST_CASE("DINOv2 and a compact transformer compute on a device what they compute on the CPU") {
  if (no_device()) return;
  for (const bool swiglu : {false, true}) {
    CAPTURE(swiglu);
    const auto dinov2 = [=] {
      return nn::Dinov2ForImageClassification({.image_size = 8,
                                               .patch_size = 4,
                                               .hidden_size = 16,
                                               .num_hidden_layers = 2,
                                               .num_attention_heads = 2,
                                               .num_labels = 3,
                                               .num_register_tokens = swiglu ? 2 : -1,
                                               .use_swiglu_ffn = swiglu});
    };
    check_as_on_the_cpu(dinov2, {2, 3, 8, 8});
    check_as_on_the_cpu(dinov2, {2, 3, 12, 8});
  }
  const auto compact = [] {
    return nn::ViTForImageClassification({.image_size = 8,
                                          .patch_size = 2,
                                          .num_channels = 3,
                                          .hidden_size = 16,
                                          .num_hidden_layers = 1,
                                          .num_attention_heads = 2,
                                          .intermediate_size = 32,
                                          .num_labels = 3,
                                          .pooling = nn::Pooling::sequence,
                                          .conv_layers = 1});
  };
  check_as_on_the_cpu(compact, {2, 3, 8, 8});
}

TEST_CASE("memory runs out on the device at any allocation of a step, and the step then works") {
  if (no_device()) return;
  auto model = tiny_vit();
  nn::to(model, Device::cuda());
  const Tensor images = ones({2, 1, 8, 8}, {.device = Device::cuda()});
  const auto step = [&] {
    nn::zero_grad(model);
    backward(sum(model(images)));
  };
  int failures = 0;
  for (uint64_t k = 1;; k += 7) {
    fail_allocation(k);
    try {
      step();
      break;
    } catch (const OutOfMemoryError&) {
      ++failures;
    }
  }
  fail_allocation(0);
  CHECK(failures > 5);
  step();
}

}  // namespace papilio::test
