// What BOFT's scale may be: trained freely as PEFT does, positive, or left at 1.
#include "boft/methods/boft.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "boft/model/model.h"
#include "boft/model/plan.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/boft/tiny_model.h"
#include "tests/compare.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using boft::AdapterModel;
using boft::BoftConfig;
using boft::BoftScale;

namespace {

BoftConfig with(BoftScale scale) {
  return {.target_modules = {"query", "stem"}, .scale = scale};
}

boft::BoftLayer& first(const AdapterModel& adapters) {
  return dynamic_cast<boft::BoftLayer&>(*adapters.layers("default").front().adapter);
}

}  // namespace

TEST_CASE("boft scale: each begins as the base, and trains what its name says") {
  const Tensor x = randn({5, 1, 4, 4});
  const std::map<BoftScale, std::vector<std::string>> parameters{
      {BoftScale::free, {"boft_R", "boft_s"}},
      {BoftScale::positive, {"boft_R", "boft_u"}},
      {BoftScale::none, {"boft_R"}}};
  for (const auto& [scale, expected] : parameters) {
    TinyModel model;
    const auto base = model(x).to_vector<double>();
    AdapterModel adapters(model);
    adapters.add_adapter("default", with(scale));
    CHECK(model(x).to_vector<double>() == base);
    std::vector<std::string> names;
    for (const auto& [name, tensor] : nn::named_parameters(first(adapters))) names.push_back(name);
    CHECK(names == expected);
    const boft::AdapterPlan plan = boft::plan_adapter(model, with(scale));
    CHECK(plan.trainable_parameters() == nn::count_parameters(model).trainable);
  }
  CHECK(with(BoftScale::none).label() == "BOFT b=4 m=1 s=1");
  CHECK(with(BoftScale::positive).label() == "BOFT b=4 m=1 s>0");
  CHECK(boft::has_scale(with(BoftScale::free)));
  CHECK(!boft::has_scale(with(BoftScale::positive)));
}

TEST_CASE("boft scale: positive stays so where free passes 0; files are PEFT's") {
  const TemporaryFolder folder;
  const Tensor x = randn({5, 1, 4, 4});
  for (const BoftScale scale : {BoftScale::free, BoftScale::positive, BoftScale::none}) {
    TinyModel model;
    AdapterModel adapters(model);
    adapters.add_adapter("default", with(scale));
    nn::AdamW optimizer({{.parameters = nn::trainable_parameters(model)}}, {.lr = 0.3});
    for (int step = 0; step < 12; ++step) {  // away from every output
      backward(sum(pow(model(x), 2)));
      optimizer.step();
      optimizer.zero_grad();
    }
    const double least = min(first(adapters).scale(DType::float64)).item();
    if (scale == BoftScale::free) CHECK(least < 0);
    if (scale == BoftScale::positive) CHECK(least > 0);
    if (scale == BoftScale::positive) CHECK(least < 0.5);
    if (scale == BoftScale::none) CHECK(least == 1);

    nn::eval(model);
    const auto trained = model(x).to_vector<double>();
    const auto at = folder / std::to_string(int(scale));
    boft::save_adapter(adapters, at);
    const SafetensorsFile file = load_safetensors(at / "adapter_model.safetensors");
    CHECK(file.tensors.contains("base_model.model.stem.boft_s"));
    CHECK(!file.tensors.contains("base_model.model.stem.boft_u"));
    CHECK(read_bytes(at / "adapter_config.json").find("scale") == std::string::npos);
    TinyModel other;
    AdapterModel loaded(other);
    CHECK(boft::load_adapter(loaded, at).empty());
    CHECK(std::get<BoftConfig>(loaded.config("default")).scale == BoftScale::free);
    nn::eval(other);
    CHECK(largest_difference(other(x).to_vector<double>(), trained) < 1e-5);
  }
}

}  // namespace papilio::test
