// Adapters on a device: training steps, merging and taking off give what they give on the CPU.
// Passed over without one.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "boft/methods/oft.h"
#include "boft/model/model.h"
#include "nn/optim/optimizer.h"
#include "tests/boft/tiny_model.h"
#include "tests/near.h"

namespace papilio::test {

namespace {

// Logits and gradients of three steps; logits merged, and of the base weights at the end.
std::vector<Tensor> trained(const boft::AdapterConfig& config, Device device) {
  TinyModel model;
  boft::AdapterModel adapters(model);
  adapters.add_adapter("default", config);
  nn::to(model, device);
  const Tensor x = copy_of(tiny_input(), device);
  nn::Sgd optimizer({{nn::trainable_parameters(model), 1, 0}}, {.lr = 1e-3});
  nn::train(model);
  std::vector<Tensor> results;
  for (int step = 0; step < 3; ++step) {
    manual_seed(uint64_t(step));
    nn::zero_grad(model);
    const Tensor y = model(x);
    results.push_back(y.detach());
    backward(mean(y * y));
    for (const Tensor& p : nn::trainable_parameters(model)) results.push_back(copy_of(grad(p)));
    optimizer.step();
  }
  nn::train(model, false);
  adapters.merge(true);
  results.push_back(model(x).detach());
  // The weights that were kept follow the model.
  nn::to(model, Device::cpu());
  adapters.unmerge();
  const auto disabled = adapters.disable();
  results.push_back(model(tiny_input()).detach());
  return results;
}

void compare(const boft::AdapterConfig& config) {
  if (cuda_device_count() == 0) return;
  const auto here = trained(config, Device::cpu()), there = trained(config, Device::cuda());
  for (size_t i = 0; i < here.size(); ++i) {
    CAPTURE(i);
    check_near(here[i], there[i], 1e-4);
  }
}

const std::vector<std::string> kTargets{"query", "value", "dense", "stem"};

}  // namespace

TEST_CASE("BOFT trains and merges on a device as on the CPU, with multiplicative dropout") {
  boft::BoftConfig config{.boft_block_size = 2, .boft_n_butterfly_factor = 2, .boft_dropout = 0.5};
  config.target_modules = kTargets;
  compare(config);
}

TEST_CASE("OFT trains and merges on a device as on the CPU, in each of its forms") {
  for (const bool neumann : {false, true}) {
    for (const bool coft : {false, true}) {
      boft::OftConfig config{.oft_block_size = 4,
                             .module_dropout = 0.5,
                             .coft = coft,
                             .eps = 0.01,
                             .use_cayley_neumann = neumann};
      config.target_modules = kTargets;
      compare(config);
    }
  }
}

}  // namespace papilio::test
