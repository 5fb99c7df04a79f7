#include "boft/model/targets.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

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

}  // namespace papilio::test
