#include "boft/model/model.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "tests/boft/tiny_model.h"
#include "tests/compare.h"

namespace papilio::test {

using boft::AdapterModel;
using boft::BoftConfig;
using boft::LoraConfig;

namespace {

const boft::ModuleNames kTargets{"query", "value", "output.dense", "stem"};
const boft::ModuleNames kLinear{"query", "value", "output.dense"};

BoftConfig random_boft(int64_t b = 2, int64_t m = 2) {
  return {.boft_block_size = b,
          .boft_n_butterfly_factor = m,
          .target_modules = kTargets,
          .init_weights = false};
}

LoraConfig random_lora() {
  return {.r = 2, .target_modules = kLinear, .init_lora_weights = false};
}

std::vector<double> outputs(TinyModel& model) {
  const NoGrad no_grad;
  nn::eval(model);
  return model(tiny_input()).to_vector<double>();
}

}  // namespace

TEST_CASE("adapters: BOFT and LoRA begin as the identity, BOFT bit for bit") {
  TinyModel model;
  const auto base = outputs(model);
  AdapterModel adapters(model);
  adapters.add_adapter(
      "boft",
      BoftConfig{.boft_block_size = 2, .boft_n_butterfly_factor = 2, .target_modules = kTargets});
  CHECK(outputs(model) == base);
  adapters.add_adapter("lora", LoraConfig{.r = 2, .target_modules = kLinear});
  adapters.set_adapter({"lora"});
  CHECK(largest_difference(outputs(model), base) < 1e-6);
}

TEST_CASE("adapters: merged equals unmerged, and unmerging gives the base back exactly") {
  for (const boft::AdapterConfig& config :
       {boft::AdapterConfig(random_boft(2, 2)), boft::AdapterConfig(random_boft(4, 1)),
        boft::AdapterConfig(random_lora())}) {
    TinyModel model;
    const auto base = outputs(model);
    AdapterModel adapters(model);
    adapters.add_adapter("default", config);
    const auto adapted = outputs(model);
    CHECK(largest_difference(adapted, base) > 1e-2);
    size_t calls = 0;
    const size_t layers = adapters.layers("default").size();
    adapters.merge(true, {}, [&](size_t done, size_t total, const std::string&) {
      CHECK(done == ++calls);
      CHECK(total == layers);
    });
    CHECK(calls == layers);
    CHECK(adapters.merged() == std::vector<std::string>{"default"});
    CHECK(largest_difference(outputs(model), adapted) < 2e-5);
    {
      const auto disabled = adapters.disable();
      CHECK(outputs(model) == base);
    }
    CHECK(largest_difference(outputs(model), adapted) < 2e-5);
    adapters.unmerge();
    CHECK(outputs(model) == adapted);
    adapters.unload();
    CHECK(outputs(model) == base);
  }
}

TEST_CASE(
    "adapters: two active ones compose in order, of different method, b and m; merging both "
    "agrees") {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("first", random_boft(2, 2));
  adapters.add_adapter("second", random_boft(4, 1));
  adapters.add_adapter("third", random_lora());
  adapters.set_adapter({"first", "third", "second"});
  const auto one_way = outputs(model);
  adapters.merge();
  CHECK(largest_difference(outputs(model), one_way) < 1e-4);
  adapters.unmerge();
  adapters.set_adapter({"second", "third", "first"});
  CHECK(largest_difference(outputs(model), one_way) > 1e-3);
  adapters.merge(false, {"second"});  // the innermost alone
  const auto partly = outputs(model);
  adapters.unmerge();
  CHECK(largest_difference(outputs(model), partly) < 1e-4);
  CHECK_THROWS_WITH(
      adapters.merge(false, {"first"}),
      "merge: adapter second is active, was activated before first and would then apply after it; "
      "merge it too, or deactivate it");
}

TEST_CASE("adapters: merge_and_unload leaves a plain model") {
  TinyModel model;
  AdapterModel adapters(model);
  BoftConfig config = random_boft();
  config.modules_to_save = {"classifier"};
  config.bias = "boft_only";
  adapters.add_adapter("default", config);
  for (const auto& own : adapters.own_tensors("default")) fill_(own.copy, 0.25);
  const auto adapted = outputs(model);
  adapters.merge_and_unload(true);
  CHECK(largest_difference(outputs(model), adapted) < 2e-5);
  for (const auto& [name, tensor] : nn::named_parameters(model)) {
    CHECK(name.find("adapters") == std::string::npos);
    CHECK_FALSE(tensor->requires_grad());
  }
}

TEST_CASE("adapters: exactly the adapter's parameters train") {
  TinyModel model;
  AdapterModel adapters(model);
  BoftConfig config{.boft_block_size = 4, .target_modules = {"query"}};
  config.modules_to_save = {"classifier"};
  adapters.add_adapter("default", config);
  // Each query: R (1, 2, 4, 4) and s (8, 1); classifier 8 * 3 + 3.
  CHECK(nn::count_parameters(model).trainable == 3 * (32 + 8) + 27);
  CHECK(nn::trainable_parameters_line(model).starts_with("trainable params: 147 || all params: "));
  backward(sum(model(tiny_input())));
  for (const auto& [name, tensor] : nn::named_parameters(model)) {
    const bool trains =
        name.find("adapters") != std::string::npos || name.starts_with("classifier");
    CHECK(tensor->requires_grad() == trains);
    if (trains) CHECK(grad(*tensor).defined());
  }
}

TEST_CASE("adapters: biases") {
  const auto trained = [](const std::string& bias) {
    TinyModel model;
    AdapterModel adapters(model);
    BoftConfig config{.boft_block_size = 4, .target_modules = {"query"}, .bias = bias};
    adapters.add_adapter("default", config);
    std::vector<std::string> names;
    for (const auto& [name, tensor] : nn::named_parameters(model)) {
      if (tensor->requires_grad() && name.ends_with("bias")) names.push_back(name);
    }
    return names;
  };
  CHECK(trained("none").empty());
  CHECK(trained("boft_only").size() == 3);
  CHECK(trained("all").size() == 11);
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("a", BoftConfig{.target_modules = {"query"}, .bias = "all"});
  CHECK_THROWS_WITH(
      adapters.add_adapter("b", BoftConfig{.target_modules = {"query"}, .bias = "boft_only"}),
      "add_adapter: adapter a trains biases already (bias = \"all\"); only one adapter may");
}

TEST_CASE("adapters: a saved module is the adapter's own; the model's comes back") {
  TinyModel model;
  const auto base = outputs(model);
  AdapterModel adapters(model);
  adapters.add_adapter("a",
                       BoftConfig{.target_modules = {"query"}, .modules_to_save = {"classifier"}});
  fill_(model.classifier.weight, 0);
  fill_(model.classifier.bias, 1);
  CHECK(outputs(model) == std::vector<double>(12, 1.0));
  adapters.add_adapter("b",
                       BoftConfig{.target_modules = {"query"}, .modules_to_save = {"classifier"}});
  CHECK(outputs(model) == std::vector<double>(12, 1.0));
  adapters.set_adapter({"b"});
  CHECK(outputs(model) == base);
  CHECK_THROWS_WITH(adapters.set_adapter({"a", "b"}),
                    "set_adapter: adapters a and b both have their own classifier.weight; only one "
                    "of them can be active");
  adapters.set_adapter({"a"});
  {
    const auto disabled = adapters.disable();
    CHECK(outputs(model) == base);
  }
  CHECK(outputs(model) == std::vector<double>(12, 1.0));
  adapters.delete_adapter("a");
  CHECK(outputs(model) == base);
}

TEST_CASE("adapters: a broken adapter cannot be merged safely, and no weight changes") {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("default", random_boft());
  auto& last = dynamic_cast<boft::BoftLayer&>(*model.layer[2].query.adapters.find("default"));
  fill_(last.boft_s, std::nan(""));
  const auto weight = model.stem.weight.to_vector<double>();
  CHECK_THROWS_WITH(adapters.merge(true),
                    "NaNs detected in the merged weights. The adapter default seems to be broken");
  CHECK(model.stem.weight.to_vector<double>() == weight);
  CHECK(adapters.merged().empty());
}

TEST_CASE("adapters: s = 0 merges and unmerges exactly") {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("default", random_boft());
  for (const auto& ref : adapters.layers("default"))
    fill_(dynamic_cast<boft::BoftLayer&>(*ref.adapter).boft_s, 0);
  const auto weight = model.layer[0].query.weight.to_vector<double>();
  adapters.merge(true);
  CHECK(model.layer[0].query.weight.to_vector<double>() == std::vector<double>(64, 0.0));
  adapters.unmerge();
  CHECK(model.layer[0].query.weight.to_vector<double>() == weight);
}

TEST_CASE("adapters: wrong use leaves the model as it was") {
  TinyModel model;
  const auto base = outputs(model);
  AdapterModel adapters(model);
  CHECK_THROWS_AS(adapters.add_adapter(
                      "default", BoftConfig{.boft_block_size = 5, .target_modules = {"query"}}),
                  ArgumentError);
  CHECK_THROWS_AS(adapters.add_adapter("../x", random_boft()), ArgumentError);
  CHECK(adapters.names().empty());
  CHECK(outputs(model) == base);
  adapters.add_adapter("a", random_boft());
  CHECK_THROWS_WITH(adapters.add_adapter("a", random_boft()),
                    "add_adapter: an adapter named a exists already");
  CHECK_THROWS_WITH(adapters.set_adapter({"c"}),
                    "set_adapter: there is no adapter named c; there are: a");
  adapters.merge();
  CHECK_THROWS_WITH(adapters.delete_adapter("a"), "delete_adapter: a is merged; unmerge it first");
  CHECK_THROWS_WITH(adapters.set_adapter({}), "set_adapter: adapters are merged; unmerge first");
}

TEST_CASE(
    "adapters: merging names each adapter once, in order, and not one whose own modules are out of "
    "use") {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("a", random_boft(2, 2));
  adapters.add_adapter("b", random_boft(4, 1));
  adapters.set_adapter({"a", "b"});
  const auto before = outputs(model);
  CHECK_THROWS_WITH(adapters.merge(false, {"a", "a"}), "merge: a appears twice");
  CHECK_THROWS_WITH(
      adapters.merge(false, {"b", "a"}),
      "merge: b is named too early; name active adapters in the order of their activation");
  BoftConfig own = random_boft(2, 1);
  own.modules_to_save = {"classifier"};
  adapters.add_adapter("c", own);
  CHECK_THROWS_WITH(
      adapters.merge(false, {"c"}),
      "merge: adapter c has its own classifier.weight and is not active; activate it first");
  CHECK(outputs(model) == before);
}

TEST_CASE(
    "adapters: none is deleted while they are disabled (the layer would have stayed disabled)") {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("a", random_boft());
  const auto disabled = adapters.disable();
  CHECK_THROWS_WITH(adapters.delete_adapter("a"), "delete_adapter: the adapters are disabled");
}

TEST_CASE("adapters: names of adapters are no targets of a second one") {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("query", random_boft(4, 1));
  adapters.add_adapter("second", BoftConfig{.target_modules = {"query"}});
  CHECK(adapters.layers("second").size() == 3);
}

TEST_CASE("adapters: a model that carries them is not converted") {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("a", random_boft());
  CHECK_THROWS_AS(nn::to(model, DType::bfloat16), ArgumentError);
}

TEST_CASE("adapters: a weight changed between forward and backward is noticed") {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("a", random_boft());
  const Tensor loss = sum(model(tiny_input()));
  fill_(model.layer[0].query.weight, 0);
  CHECK_THROWS_WITH(backward(loss),
                    "backward: an input or the output of boft_linear was changed in place after "
                    "the forward pass");
}

}  // namespace papilio::test
