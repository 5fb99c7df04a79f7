// The table of methods: what holds for every row.
#include "boft/methods/methods.h"

#include <doctest/doctest.h>
#include <cstddef>

#include <set>
#include <string>
#include <vector>

#include "boft/files/config_json.h"
#include "boft/model/model.h"
#include "tests/boft/tiny_model.h"

namespace papilio::test {

using namespace boft;

TEST_CASE(
    "methods: each has a peft_type of its own, under which its defaults are written and read") {
  const std::vector<std::string> types = peft_types();
  CHECK(types == std::vector<std::string>{"BOFT", "OFT", "LORA", "HRA"});
  CHECK(std::set<std::string>(types.begin(), types.end()).size() == types.size());
  for (const std::string& type : types) {
    CAPTURE(type);
    const AdapterConfig config = default_config(type);
    CHECK(peft_type(config) == type);
    CHECK_NOTHROW(validate(config));
    CHECK(bias_of(config) == "none");
    const LoadedConfig loaded = parse_config(config_text(config), "x");
    CHECK(loaded.warnings.empty());
    CHECK(peft_type(loaded.config) == type);
    CHECK(config_text(loaded.config) == config_text(config));
  }
  CHECK_THROWS_WITH(default_config("IA3"),
                    "peft_type: expected \"BOFT\", \"OFT\", \"LORA\" or \"HRA\", got \"IA3\"");
}

TEST_CASE("methods: an adapter's label, blocks and keys") {
  CHECK(
      label(BoftConfig{.boft_block_size = 0, .boft_block_num = 4, .boft_n_butterfly_factor = 2}) ==
      "BOFT N=4 m=2");
  CHECK(label(BoftConfig{}) == "BOFT b=4 m=1");
  CHECK(label(OftConfig{}) == "OFT b=32");
  CHECK(label(OftConfig{.r = 2, .oft_block_size = 0}) == "OFT N=2");
  CHECK(label(LoraConfig{.r = 3}) == "LoRA r=3");
  CHECK(label(HraConfig{}) == "HRA r=8");
  const std::vector<std::string> query{"layer.0.attention.query"};
  const std::vector<AdapterConfig> configs{
      BoftConfig{.boft_block_size = 2, .boft_n_butterfly_factor = 2, .target_modules = query},
      OftConfig{.oft_block_size = 2, .target_modules = query}, LoraConfig{.target_modules = query},
      HraConfig{.target_modules = query}};
  const std::vector<std::vector<std::string>> keys{
      {"boft_R", "boft_s"}, {"oft_R.weight"}, {"lora_A.weight", "lora_B.weight"}, {"hra_u"}};
  for (size_t i = 0; i < configs.size(); ++i) {
    CAPTURE(peft_type(configs[i]));
    TinyModel model;
    AdapterModel adapters(model);
    adapters.add_adapter("a", configs[i]);
    LayerAdapter& adapter = *adapters.layers("a").at(0).adapter;
    std::vector<std::string> found;
    for (const auto& parameter : nn::named_parameters(adapter))
      found.push_back(adapter.key(parameter.name));
    CHECK(found == keys[i]);
    CHECK(has_scale(configs[i]) == (found.back() == "boft_s"));
    CHECK(keeps_angles(configs[i]) == (peft_type(configs[i]) != std::string("LORA")));
    const Tensor q = adapter.rotations(false);
    CHECK(q.defined() == rotates_in_blocks(configs[i]));
    CHECK((adapter.block_num() > 0) == q.defined());
    if (q.defined()) CHECK(q.size(1) == adapter.block_num());
    for (const std::string& key : found) {
      const std::string whole = "base_model.model.encoder.layer.0.attention.query." + key;
      CHECK(is_adapter_key(whole));
      CHECK(acts_on_inputs(whole) == (key == found.front()));
    }
  }
  CHECK(!is_adapter_key("base_model.model.classifier.weight"));
  CHECK(is_adapter_key("base_model.model.table.oft_embedding_R.weight"));
}

}  // namespace papilio::test
