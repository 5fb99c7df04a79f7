#include "boft/model/status.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "tests/boft/tiny_model.h"

namespace papilio::test {

using Names = std::vector<std::string>;

TEST_CASE("status: what is attached, active, merged and trainable where") {
  TinyModel model;
  boft::AdapterModel adapters(model);
  CHECK(boft::layer_status(adapters).empty());
  adapters.add_adapter("a", boft::BoftConfig{.target_modules = {"query", "stem"}});
  adapters.add_adapter(
      "b", boft::LoraConfig{.r = 2, .target_modules = {"query"}, .layers_to_transform = {1}});
  auto layers = boft::layer_status(adapters);
  REQUIRE(layers.size() == 4);
  CHECK(layers[0].name == "stem");
  CHECK(layers[0].module_type == "Conv2d(1 -> 8, 2x2)");
  CHECK(layers[0].available_adapters == Names{"a"});
  CHECK(layers[2].name == "encoder.layer.1.attention.query");
  CHECK(layers[2].available_adapters == Names{"a", "b"});
  CHECK(layers[2].active_adapters == Names{"a"});
  CHECK(layers[2].merged_adapters.empty());
  CHECK(layers[2].requires_grad.at("a") == true);
  CHECK(layers[2].requires_grad.at("b") == false);
  CHECK(layers[2].enabled);
  CHECK(layers[2].device == Device::cpu());

  auto status = boft::model_status(adapters);
  CHECK(status.base_model_type == "TinyModel");
  CHECK(status.peft_types == std::map<std::string, std::string>{{"a", "BOFT"}, {"b", "LORA"}});
  CHECK(status.num_adapter_layers == 4);
  CHECK(status.trainable_params == 4 * 8 + 3 * (2 * 16) + 0 + (1 * 16 + 8) - 4 * 8 + 3 * 8);
  CHECK(status.trainable_params == nn::count_parameters(model).trainable);
  CHECK(status.total_params == nn::count_parameters(model).all);
  CHECK(status.available_adapters == Names{"a", "b"});
  CHECK(status.active_adapters == Names{"a"});

  adapters.set_adapter({"b", "a"});
  adapters.merge();
  layers = boft::layer_status(adapters);
  CHECK(layers[2].active_adapters == Names{"b", "a"});
  CHECK(layers[2].merged_adapters == Names{"b", "a"});
  CHECK(layers[1].merged_adapters == Names{"a"});
  CHECK(boft::model_status(adapters).merged_adapters == Names{"b", "a"});
  {
    const auto off = adapters.disable();
    CHECK(!boft::model_status(adapters).enabled);
    CHECK(!boft::layer_status(adapters)[0].enabled);
  }
  // One of two parameters frozen by hand: neither yes nor no.
  set_requires_grad(
      *nn::named_parameters(*adapters.layers("a")[0].layer->adapters.find("a"))[0].tensor, false);
  CHECK(!boft::layer_status(adapters)[0].requires_grad.at("a").has_value());
  CHECK(!boft::model_status(adapters).requires_grad.at("a").has_value());
}

TEST_CASE("status: the table") {
  TinyModel model;
  boft::AdapterModel adapters(model);
  adapters.add_adapter("a", boft::BoftConfig{.target_modules = {"stem"}});
  adapters.add_adapter("b", boft::OftConfig{.oft_block_size = 4, .target_modules = {"stem"}});
  CHECK(boft::status_table(adapters) ==
        "TinyModel, 1 adapted layer, enabled; trainable params: 24 || all params: 961 || "
        "trainable%: 2.4974\n"
        "adapter  type  active  merged  trains\n"
        "a        BOFT  yes     no      yes\n"
        "b        OFT   no      no      no\n"
        "layer  type                 enabled  active  merged  trains  available  device\n"
        "stem   Conv2d(1 -> 8, 2x2)  yes      a       -       a       a, b       cpu\n");
}

}  // namespace papilio::test
