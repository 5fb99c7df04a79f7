#include "boft/model/targets.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "nn/models/dinov2.h"
#include "nn/models/vit.h"
#include "tests/boft/tiny_model.h"

namespace papilio::test {

using boft::select_targets;
using boft::TargetRules;
using Paths = std::vector<std::string>;

TEST_CASE("targets: a list names modules by suffix or exactly, never by a part of a word") {
  TinyModel model;
  CHECK(select_targets(model, {.target_modules = {"query"}}).adapted ==
        Paths{"encoder.layer.0.attention.query", "encoder.layer.1.attention.query",
              "encoder.layer.2.attention.query"});
  CHECK(select_targets(model, {.target_modules = {"encoder.layer.1.attention.value", "stem"}})
            .adapted == Paths{"stem", "encoder.layer.1.attention.value"});
  CHECK_THROWS_AS(select_targets(model, {.target_modules = {"uery"}}), ArgumentError);
}

TEST_CASE("targets: a string must match the whole path") {
  TinyModel model;
  CHECK(select_targets(model, {.target_modules = R"(.*\.[02]\..*(query|value))"}).adapted ==
        Paths{"encoder.layer.0.attention.query", "encoder.layer.0.attention.value",
              "encoder.layer.2.attention.query", "encoder.layer.2.attention.value"});
  CHECK_THROWS_AS(select_targets(model, {.target_modules = "query"}), ArgumentError);
}

TEST_CASE("targets: all-linear, in any case, takes every linear layer but the head") {
  TinyModel model;
  const Paths adapted = select_targets(model, {.target_modules = "All-Linear"}).adapted;
  CHECK(adapted.size() == 9);
  CHECK(std::ranges::find(adapted, "classifier") == adapted.end());
  CHECK(std::ranges::find(adapted, "stem") == adapted.end());
}

TEST_CASE("targets: the layer filter holds for suffixes, not for exact names and patterns") {
  TinyModel model;
  CHECK(select_targets(model, {.target_modules = {"query"}, .layers_to_transform = {1}}).adapted ==
        Paths{"encoder.layer.1.attention.query"});
  CHECK(select_targets(model, {.target_modules = {"encoder.layer.0.attention.query", "value"},
                               .layers_to_transform = {2}})
            .adapted ==
        Paths{"encoder.layer.0.attention.query", "encoder.layer.2.attention.value"});
  CHECK(select_targets(
            model,
            {.target_modules = {"query"}, .layers_to_transform = {1}, .layers_pattern = {"layer"}})
            .adapted == Paths{"encoder.layer.1.attention.query"});
  CHECK_THROWS_AS(select_targets(model, {.target_modules = {"query"},
                                         .layers_to_transform = {1},
                                         .layers_pattern = {"block"}}),
                  ArgumentError);
  const auto by_pattern =
      select_targets(model, {.target_modules = ".*query", .layers_to_transform = {1}});
  CHECK(by_pattern.adapted.size() == 3);
  CHECK(by_pattern.warnings ==
        Paths{"layers_to_transform is ignored because target_modules is a regular expression"});
}

TEST_CASE("targets: exclusion comes first, then modules_to_save") {
  TinyModel model;
  const auto listed =
      select_targets(model, {.target_modules = {"query", "value"}, .exclude_modules = {"value"}});
  CHECK(listed.adapted.size() == 3);
  const auto pattern = select_targets(
      model, {.target_modules = {"query"}, .exclude_modules = R"(encoder\.layer\.0\..*)"});
  CHECK(pattern.adapted.size() == 2);
  const auto saved = select_targets(
      model, {.target_modules = {"query", "classifier"}, .modules_to_save = {"classifier"}});
  CHECK(saved.adapted.size() == 3);
  CHECK(saved.saved == Paths{"classifier"});
  CHECK(select_targets(model, {.target_modules = {"query"}, .exclude_modules = {"nothing"}})
            .warnings == Paths{"exclude_modules {nothing} matches no module"});
  CHECK(select_targets(model, {.target_modules = {"query"}, .modules_to_save = {"clasifier"}})
            .warnings == Paths{"modules_to_save clasifier matches no module"});
}

TEST_CASE("targets: a saved module brings its children, and none of them is adapted") {
  TinyModel model;
  const auto saved =
      select_targets(model, {.target_modules = {"query"}, .modules_to_save = {"layer.2"}});
  CHECK(saved.saved == Paths{"encoder.layer.2"});
  CHECK(saved.adapted ==
        Paths{"encoder.layer.0.attention.query", "encoder.layer.1.attention.query"});
}

TEST_CASE("targets: errors help") {
  TinyModel model;
  CHECK_THROWS_WITH(
      select_targets(model, {.target_modules = {"q_proj"}}),
      "target_modules: {q_proj} matches no module that can be adapted; there are: stem, "
      "attention.query, attention.value, output.dense, classifier");
  CHECK_THROWS_WITH(select_targets(model, {}),
                    "target_modules: not given; name the layers to adapt, or \"all-linear\"");
  CHECK_THROWS_WITH(select_targets(model, {.target_modules = {"layer.1"}}),
                    "target_modules: encoder.layer.1 is a TinyLayer, which cannot be adapted; "
                    "Linear, Conv1D, Conv2d and Embedding can");
  CHECK_THROWS_AS(select_targets(model, {.target_modules = "query["}), ArgumentError);
  CHECK_THROWS_WITH(
      select_targets(model, {.target_modules = {"classifier"}, .modules_to_save = {"classifier"}}),
      "target_modules: {classifier} matches no module that can be adapted; there are: stem, "
      "attention.query, attention.value, output.dense");
}

TEST_CASE("targets: every entry that matches nothing is named") {
  TinyModel model;
  CHECK(select_targets(model,
                       {.target_modules = {"query", "valeu"}, .exclude_modules = {"value", "dens"}})
            .warnings ==
        Paths{"target_modules valeu matches no module", "exclude_modules dens matches no module"});
  const auto beyond =
      select_targets(model, {.target_modules = {"query"}, .layers_to_transform = {0, 7}});
  CHECK(beyond.adapted == Paths{"encoder.layer.0.attention.query"});
  CHECK(beyond.warnings == Paths{"layers_to_transform 7 matches no layer with these modules"});
  CHECK(select_targets(model, {.target_modules = {"query"},
                               .layers_to_transform = {1},
                               .layers_pattern = {"layer", "block"}})
            .warnings == Paths{"layers_pattern block matches no list of layers"});
  CHECK_THROWS_WITH(select_targets(model, {.target_modules = {"query"},
                                           .layers_to_transform = {1},
                                           .layers_pattern = {"block"}}),
                    "layers_pattern: {block} is no list of layers in the paths of the modules, "
                    "such as encoder.layer.0.attention.query, where it is {layer}");
  CHECK_THROWS_WITH(
      select_targets(model, {.target_modules = {"query"}, .layers_to_transform = {7}}),
      "layers_to_transform: none of the layers {7} has a module of target_modules, "
      "such as encoder.layer.0.attention.query");
}

TEST_CASE("targets: \"score\", which PEFT adds for SEQ_CLS by itself, is no surprise") {
  TinyModel model;
  TargetRules rules{.target_modules = {"query"}, .modules_to_save = {"classifier", "score"}};
  CHECK(select_targets(model, rules).warnings == Paths{"modules_to_save score matches no module"});
  rules.task_type = "SEQ_CLS";
  CHECK(select_targets(model, rules).warnings.empty());
}

TEST_CASE("targets: modules_to_save by the names of Transformers 5") {
  nn::ViTForImageClassification model({.image_size = 8,
                                       .patch_size = 4,
                                       .hidden_size = 8,
                                       .num_hidden_layers = 2,
                                       .num_attention_heads = 2,
                                       .intermediate_size = 16,
                                       .num_labels = 2});
  const auto saved = [&](const char* name) {
    const auto selection = select_targets(
        model, {.target_modules = {"query"}, .modules_to_save = {name}, .layers_to_transform = {}});
    CHECK(selection.warnings.empty());
    CHECK(selection.transformers5_names);
    return selection.saved;
  };
  const std::string at = "vit.encoder.layer.";
  CHECK(saved("fc1") == Paths{at + "0.intermediate.dense", at + "1.intermediate.dense"});
  CHECK(saved("o_proj") == Paths{at + "0.attention.output.dense", at + "1.attention.output.dense"});
  CHECK(saved("layers.1") == Paths{at + "1"});
  CHECK(saved("1.mlp") == Paths{at + "1.intermediate.dense", at + "1.output.dense"});
}

TEST_CASE("targets: SwiGLU's two halves of Transformers 5 are one layer") {
  nn::Dinov2ForImageClassification model({.image_size = 28,
                                          .hidden_size = 8,
                                          .num_hidden_layers = 1,
                                          .num_attention_heads = 2,
                                          .num_labels = 2,
                                          .use_swiglu_ffn = true});
  const std::string layer = "dinov2.encoder.layer.0.mlp.";
  CHECK(select_targets(model, {.target_modules = {"gate_proj", "up_proj", "down_proj"}}).adapted ==
        Paths{layer + "weights_in", layer + "weights_out"});
  CHECK_THROWS_WITH(select_targets(model, {.target_modules = {"gate_proj", "query"}}),
                    ("target_modules: names one half of " + layer +
                     "weights_in, which Transformers 5 splits into " + layer + "gate_proj and " +
                     layer + "up_proj; here it is one layer, which cannot be adapted by halves")
                        .c_str());
}

}  // namespace papilio::test
