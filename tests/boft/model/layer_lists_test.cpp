// Which layers a configuration adapts: PEFT's lists, which PEFT 0.21.2 gave on the same modules.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "boft/model/model.h"
#include "nn/layers/linear.h"
#include "nn/models/vit.h"

namespace papilio::test {

using boft::BoftConfig;
using boft::ModuleNames;

namespace {

struct Block : nn::Module {
  nn::Linear query{8, 8};
  std::vector<nn::Linear> experts;

  Block() {
    for (int i = 0; i < 3; ++i) experts.emplace_back(8, 8);
  }
  void visit(nn::Visitor& v) override {
    v("query", query);
    v("experts", experts);
  }
  std::string describe() const override { return "Block"; }
};

struct Net : nn::Module {
  std::vector<Block> blocks;
  std::string name;

  explicit Net(std::string n) : blocks(4), name(std::move(n)) {}
  void visit(nn::Visitor& v) override { v(name, blocks); }
  std::string describe() const override { return "Net"; }
};

struct Case {
  const char* what;
  BoftConfig config;
  std::string layers;        // with a space between; or the error
  std::string warning = {};  // the only one
};

// Each case on a model of its own.
template <class Make>
void check_cases(Make&& make, std::vector<Case> cases) {
  for (Case& c : cases) {
    CAPTURE(c.what);
    auto model = make();
    boft::AdapterModel adapters(model);
    std::string layers, warning;
    c.config.boft_block_size = 4;
    try {
      for (const std::string& line : adapters.add_adapter("default", c.config)) warning += line;
      for (const auto& layer : adapters.layers("default"))
        layers += (layers.empty() ? "" : " ") + layer.path;
    } catch (const ArgumentError& e) {
      layers = e.what();
    }
    CHECK(layers == c.layers);
    CHECK(warning == c.warning);
  }
}

}  // namespace

TEST_CASE("lists of layers: at the top of a model only layers_pattern finds them") {
  check_cases(
      [] { return Net("blocks"); },
      {{"no pattern",
        {.target_modules = {"query"}, .layers_to_transform = {1}},
        "layers_to_transform: blocks.0.query lies in a list at the top of the model, which "
        "layers_pattern must name: {blocks}"},
       {"pattern",
        {.target_modules = {"query"}, .layers_to_transform = {1}, .layers_pattern = {"blocks"}},
        "blocks.1.query"}});
}

TEST_CASE("lists of layers: numbers, lists inside of lists, patterns and what matches nothing") {
  const ModuleNames experts({"0", "1", "2"});
  const std::string of_1 =
      "model.blocks.1.experts.0 model.blocks.1.experts.1 model.blocks.1.experts.2";
  check_cases(
      [] { return Net("model.blocks"); },
      {{"no pattern",
        {.target_modules = {"query"}, .layers_to_transform = {1}},
        "model.blocks.1.query"},
       {"experts, no pattern", {.target_modules = experts, .layers_to_transform = {1}}, of_1},
       {"experts, pattern",
        {.target_modules = experts, .layers_to_transform = {1}, .layers_pattern = {"blocks"}},
        of_1},
       {"a number in the pattern",
        {.target_modules = {"query"},
         .layers_to_transform = {1, 2},
         .layers_pattern = {"model.blocks.1"}},
        "layers_pattern: {model.blocks.1} is no list of layers in the paths of the modules, such "
        "as model.blocks.0.query, where it is {blocks}"},
       {"a number beyond",
        {.target_modules = {"query"}, .layers_to_transform = {1, 9}},
        "model.blocks.1.query",
        "layers_to_transform 9 matches no layer with these modules"},
       {"only numbers beyond",
        {.target_modules = {"query"}, .layers_to_transform = {8, 9}},
        "layers_to_transform: none of the layers {8, 9} has a module of target_modules, such as "
        "model.blocks.0.query"},
       {"a pattern of nothing",
        {.target_modules = {"query"}, .layers_to_transform = {1}, .layers_pattern = {"layer"}},
        "layers_pattern: {layer} is no list of layers in the paths of the modules, such as "
        "model.blocks.0.query, where it is {blocks}"},
       {"a typo among targets",
        {.target_modules = {"query", "valeu"}},
        "model.blocks.0.query model.blocks.1.query model.blocks.2.query model.blocks.3.query",
        "target_modules valeu matches no module"},
       {"an expression in a list",
        {.target_modules = ModuleNames(std::vector<std::string>{".*query"})},
        "target_modules: {.*query} matches no module that can be adapted; there are: query, "
        "experts.0, experts.1, experts.2"},
       {"an empty list",
        {.target_modules = ModuleNames(std::vector<std::string>{})},
        "target_modules: {} matches no module that can be adapted; there are: query, experts.0, "
        "experts.1, experts.2"}});
}

TEST_CASE("lists of layers: a ViT by the names of Transformers 4 and 5, never mixed") {
  const auto each = [](const std::string& name, const std::vector<int>& layers = {0, 1, 2}) {
    std::string all;
    for (const int i : layers) {
      for (size_t begin = 0; begin < name.size();) {
        const size_t end = std::min(name.find(' ', begin), name.size());
        all += (all.empty() ? "" : " ") + ("vit.encoder.layer." + std::to_string(i)) + '.' +
               name.substr(begin, end - begin);
        begin = end + 1;
      }
    }
    return all;
  };
  const std::string query = "attention.attention.query", value = "attention.attention.value",
                    out = "attention.output.dense", fc1 = "intermediate.dense",
                    fc2 = "output.dense";
  const std::string but_out = query + " attention.attention.key " + value + ' ' + fc1 + ' ' + fc2;
  check_cases(
      [] {
        return nn::ViTForImageClassification({.image_size = 8,
                                              .patch_size = 2,
                                              .num_channels = 1,
                                              .hidden_size = 16,
                                              .num_hidden_layers = 3,
                                              .num_attention_heads = 4,
                                              .intermediate_size = 32,
                                              .num_labels = 5});
      },
      {{"5 and 5",
        {.target_modules = {"q_proj"}, .layers_to_transform = {1}, .layers_pattern = {"layers"}},
        each(query, {1})},
       {"4 and 4",
        {.target_modules = {"query"}, .layers_to_transform = {1}, .layers_pattern = {"layer"}},
        each(query, {1})},
       {"5 and 4",
        {.target_modules = {"q_proj"}, .layers_to_transform = {1}, .layers_pattern = {"layer"}},
        "layers_pattern: {layer} is no list of layers in the paths of the modules, such as "
        "vit.layers.0.attention.q_proj, where it is {layers}"},
       {"4 and 5",
        {.target_modules = {"query"}, .layers_to_transform = {1}, .layers_pattern = {"layers"}},
        "layers_pattern: {layers} is no list of layers in the paths of the modules, such as "
        "vit.encoder.layer.0.attention.attention.query, where it is {layer}"},
       {"no layer's module",
        {.target_modules = {"projection"}, .layers_to_transform = {1}},
        "layers_to_transform: vit.embeddings.patch_embeddings.projection lies in no list of "
        "layers"},
       {"dense", {.target_modules = {"dense"}}, each(out + ' ' + fc1 + ' ' + fc2)},
       {"output.dense", {.target_modules = {"output.dense"}}, each(out + ' ' + fc2)},
       {"mlp.fc2", {.target_modules = {"mlp.fc2"}}, each(fc2)},
       {"fc1 and o_proj", {.target_modules = {"fc1", "o_proj"}}, each(out + ' ' + fc1)},
       {"an expression of 5",
        {.target_modules = R"(.*layers\.[02]\..*(q|v)_proj)"},
        each(query + ' ' + value, {0, 2})},
       {"an expression of 4",
        {.target_modules = R"(.*encoder\.layer\.(0|2)\..*\.(query|value))"},
        each(query + ' ' + value, {0, 2})},
       {"an expression without vit.",
        {.target_modules = R"(encoder\.layer\.1\..*query)"},
        R"(target_modules: "encoder\.layer\.1\..*query" matches no module that can be adapted; there are: vit.embeddings.patch_embeddings.projection, attention.attention.query, attention.attention.key, attention.attention.value, attention.output.dense, intermediate.dense, output.dense, classifier)"},
       {"a saved module is not adapted",
        {.target_modules = {"query", "classifier"}, .modules_to_save = {"classifier"}},
        each(query)},
       {"all-linear but some of 4",
        {.target_modules = "all-linear", .exclude_modules = {"attention.output.dense"}},
        each(but_out)},
       {"all-linear but some of 5",
        {.target_modules = "all-linear", .exclude_modules = {"o_proj"}},
        each(but_out)}});
}

}  // namespace papilio::test
