// PEFT's faults in OFT, one by one as its users meet them (release 0.21.2): none of them here.
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <vector>

#include "autograd/grad_mode.h"
#include "boft/methods/oft.h"
#include "nn/layers/conv2d.h"
#include "nn/layers/linear.h"
#include "tests/boft/one_layer.h"
#include "tests/compare.h"

namespace papilio::test {

using boft::AdapterModel;
using boft::OftConfig;

namespace {

OftConfig random_oft(int64_t b) {
  return {.oft_block_size = b,
          .use_cayley_neumann = false,
          .target_modules = {"layer"},
          .init_weights = false};
}

}  // namespace

TEST_CASE("PEFT fault: OFT's module_dropout is never applied") {
  manual_seed(7);
  OneLayer<nn::Linear> model(40, 6);
  const Tensor x = randn({3, 40});
  OftConfig config = random_oft(4);
  config.module_dropout = 0.35;
  AdapterModel adapters(model);
  adapters.add_adapter("default", config);
  const auto quiet = outputs(model, x);
  CHECK(outputs(model, x) == quiet);
  const NoGrad no_grad;
  nn::train(model);
  CHECK(largest_difference(model(x).to_vector<double>(), quiet) > 1e-2);
  auto& oft = dynamic_cast<boft::OftLayer&>(*model.layer.adapters.find("default"));
  const Tensor q = copy_of(oft.rotations(true));
  int identities = 0;
  for (int64_t n = 0; n < 10; ++n) identities += largest(block(q, 0, n) - identity(4)) == 0;
  CHECK(identities == 3);
}

TEST_CASE("PEFT fault: two OFT adapters' forward pass and merged weights disagree for b > 2") {
  manual_seed(8);
  OneLayer<nn::Linear> model(24, 6);
  const Tensor x = randn({3, 24});
  AdapterModel adapters(model);
  adapters.add_adapter("first", random_oft(4));
  adapters.add_adapter("second", random_oft(8));
  adapters.set_adapter({"first", "second"});
  const auto forward = outputs(model, x);
  adapters.merge();
  CHECK(largest_difference(outputs(model, x), forward) < 1e-5);
  adapters.unmerge();
  adapters.set_adapter({"second", "first"});
  CHECK(largest_difference(outputs(model, x), forward) > 1e-2);
}

TEST_CASE("PEFT fault: OFT at a Conv2d is not the identity at the start") {
  for (const bool series : {false, true}) {
    OneLayer<nn::Conv2d> model(3, 4, std::array<int64_t, 2>{2, 2});
    const Tensor x = randn({2, 3, 6, 6});
    const auto base = outputs(model, x);
    AdapterModel adapters(model);
    adapters.add_adapter(
        "default",
        OftConfig{.oft_block_size = 4, .use_cayley_neumann = series, .target_modules = {"layer"}});
    CHECK(outputs(model, x) == base);
  }
}

}  // namespace papilio::test
