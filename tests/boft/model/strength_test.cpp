// AdapterModel::set_strength: every method part of the way back to the base.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/model/model.h"
#include "nn/layers/embedding.h"
#include "tensor/copy.h"
#include "tensor/random.h"
#include "tests/autograd/op_case.h"
#include "tests/boft/tiny_model.h"
#include "tests/compare.h"

namespace papilio::test {

using boft::AdapterModel;

namespace {

const std::vector<std::string> kWhere{"query", "output.dense", "stem"};

std::vector<boft::AdapterConfig> methods() {
  return {boft::BoftConfig{.boft_block_size = 2,
                           .boft_n_butterfly_factor = 2,
                           .target_modules = kWhere,
                           .init_weights = false},
          boft::BoftConfig{
              .target_modules = kWhere, .init_weights = false, .scale = boft::BoftScale::positive},
          boft::OftConfig{.oft_block_size = 4,
                          .use_cayley_neumann = false,
                          .target_modules = kWhere,
                          .init_weights = false},
          boft::OftConfig{.oft_block_size = 4, .target_modules = kWhere, .init_weights = false},
          boft::LoraConfig{.r = 2, .target_modules = kWhere, .init_lora_weights = false},
          boft::HraConfig{.r = 4, .target_modules = kWhere, .init_weights = false}};
}

std::vector<double> outputs(TinyModel& model, const Tensor& x) {
  const NoGrad no_grad;
  return model(x).to_vector<double>();
}

}  // namespace

TEST_CASE("strength: 0 is the base, 1 the adapter, and what is merged between is what acts") {
  const Tensor x = randn({5, 1, 4, 4});
  for (const boft::AdapterConfig& config : methods()) {
    CAPTURE(boft::label(config));
    TinyModel model;
    nn::eval(model);
    const auto base = outputs(model, x);
    manual_seed(3);
    AdapterModel adapters(model);
    adapters.add_adapter("a", config);
    nn::eval(model);
    const auto whole = outputs(model, x);
    REQUIRE(largest_difference(base, whole) > 1e-2);
    adapters.set_strength("a", 0);
    CHECK(largest_difference(outputs(model, x), base) < 1e-5);
    std::vector<double> last = base;
    for (const double t : {0.25, 0.5, -0.5, 1.5}) {
      CAPTURE(t);
      adapters.set_strength("a", t);
      const auto unmerged = outputs(model, x);
      CHECK(largest_difference(unmerged, last) > 1e-3);
      adapters.merge();
      CHECK(largest_difference(outputs(model, x), unmerged) < 2e-5);
      CHECK_THROWS_WITH(adapters.set_strength("a", 1),
                        "set_strength: a is merged; unmerge it first");
      adapters.unmerge();
      last = unmerged;
    }
    adapters.set_strength("a", 1);
    CHECK(outputs(model, x) == whole);
  }
}

TEST_CASE("strength: angles count t times, a scale goes t of the way, differences count t times") {
  for (const boft::AdapterConfig& config : methods()) {
    CAPTURE(boft::label(config));
    TinyModel model;
    nn::eval(model);
    manual_seed(3);
    AdapterModel adapters(model);
    adapters.add_adapter("a", config);
    const boft::LayerRef& ref = adapters.layers("a").front();
    const NoGrad no_grad;
    const Tensor w = copy_of(ref.layer->weight), whole = ref.layer->merged_weight({"a"}, false);
    const Tensor q = ref.adapter->rotations(false);
    adapters.set_strength("a", 0.5);
    if (!q.defined()) {
      const Tensor half = ref.layer->merged_weight({"a"}, false);
      CHECK(max(abs(half - (w + whole) / 2)).item() < 1e-6);
      continue;
    }
    const auto angles = boft::rotation_angles(q),
               halves = boft::rotation_angles(ref.adapter->rotations(false));
    for (size_t i = 0; i < angles.size(); ++i)
      CHECK(halves[i] == doctest::Approx(angles[i] / 2).epsilon(2e-3));
    auto* boft = dynamic_cast<boft::BoftLayer*>(ref.adapter);
    if (boft == nullptr) continue;
    const Tensor s = boft->scale(DType::float64);
    boft->strength = 1;
    CHECK(max(abs(s - (1 + boft->scale(DType::float64)) / 2)).item() < 1e-6);
  }
}

TEST_CASE("strength: refused in training, for adapters that are not there and for no number") {
  const Tensor x = randn({5, 1, 4, 4});
  for (const boft::AdapterConfig& config : methods()) {
    CAPTURE(boft::label(config));
    TinyModel model;
    AdapterModel adapters(model);
    adapters.add_adapter("a", config);
    nn::train(model);
    adapters.set_strength("a", 0.5);
    CHECK_THROWS_WITH(
        model(x),
        "strength 0.5: expected 1 in training; other values are for merging and evaluation");
    CHECK_THROWS_WITH(adapters.set_strength("a", std::nan("")),
                      "set_strength: expected a finite number, got nan");
    CHECK_THROWS_WITH(adapters.set_strength("b", 1),
                      "set_strength: there is no adapter named b; there are: a");
  }
}

}  // namespace papilio::test
