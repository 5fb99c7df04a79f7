// Adapters on a device.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "autograd/backward.h"
#include "nn/layers/linear.h"
#include "tests/boft/one_layer.h"
#include "tests/compare.h"

namespace papilio::test {
namespace {

// Outputs and gradients of any adapter, and the merged weight.
std::vector<double> trace(Device device, const boft::AdapterConfig& config) {
  manual_seed(5);
  OneLayer<nn::Linear> model(32, 6);
  nn::to(model, device);
  boft::AdapterModel adapters(model);
  adapters.add_adapter("default", config);
  const Tensor y = model(copy_of(randn({9, 32}), device));
  backward(sum(y * y));
  std::vector<double> result = y.to_vector<double>();
  const auto add = [&](const Tensor& x) {
    CHECK(x.device() == device);
    const auto values = x.to_vector<double>();
    result.insert(result.end(), values.begin(), values.end());
  };
  for (const auto& [name, parameter] : nn::named_parameters(model))
    if (parameter->requires_grad()) add(grad(*parameter));
  adapters.merge(true);
  add(model.layer.weight);
  return result;
}

}  // namespace

TEST_CASE("adapters of every method do on a device what they do on the CPU") {
  const boft::ModuleNames at{"layer"};
  for (const boft::AdapterConfig& config :
       {boft::AdapterConfig(boft::OftConfig{.oft_block_size = 4,
       .module_dropout = 0.3,
       .use_cayley_neumann = false,
       .target_modules = at,
       .init_weights = false}),
        {boft::OftConfig{.oft_block_size = 4, .target_modules = at, .init_weights = false}},
        {boft::OftConfig{.oft_block_size = 4,
        .coft = true,
        .eps = 0.1,
        .block_share = true,
        .use_cayley_neumann = false,
        .target_modules = at,
        .init_weights = false}},
        {boft::BoftConfig{.boft_block_size = 4,
        .boft_n_butterfly_factor = 2,
        .boft_dropout = 0.5,
        .target_modules = at,
        .init_weights = false}},
        {boft::LoraConfig{.r = 2, .target_modules = at, .init_lora_weights = false}}}) {
    CAPTURE(std::string(boft::peft_type(config)));
    CHECK(largest_difference(trace(Device::cpu(), config), trace(Device::cuda(), config)) < 1e-3);
  }
}

}  // namespace papilio::test
