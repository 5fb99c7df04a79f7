// Files as other tools write them, beside what Transformers, PEFT and Pillow make of them: the
// small inputs in tests/golden/cases.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/paths.h"
#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::Outcome;
using test::words;
using test::Workplace;

namespace {

namespace fs = std::filesystem;
using Probabilities = std::map<std::string, double>;

// A case's path.
std::string in(const std::string& name) {
  return (fs::path(test::source_root) / "tests/golden/cases" / name).string();
}

// What it prints with --json, whatever it warns of.
nlohmann::json json_of(const Workplace& at, std::vector<std::string> command) {
  command.emplace_back("--json");
  const Outcome outcome = at.run(command);
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  return nlohmann::json::parse(outcome.out);
}

Probabilities probabilities(const Workplace& at, const std::vector<std::string>& command) {
  const auto result = json_of(at, command);
  Probabilities found;
  for (const auto& top : result["predictions"][0]["top"])
    found[top["class"]] = top["probability"].get<double>();
  return found;
}

Probabilities predicted(const Workplace& at, const std::string& model, const std::string& adapter) {
  std::vector<std::string> command{"predict", model, in("wide.png")};
  if (!adapter.empty()) command.insert(command.end(), {"--adapter", adapter});
  return probabilities(at, command);
}

void check_close(const Probabilities& got, const Probabilities& want, double tolerance = 5e-4) {
  REQUIRE(got.size() == want.size());
  for (const auto& [name, p] : want) {
    CAPTURE(name);
    CHECK(std::abs(got.at(name) - p) <= tolerance);
  }
}

bool says(const Outcome& outcome, const std::string& text) {
  return outcome.err.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("cases: the same classes in another order keep the head") {
  const Workplace at;
  const std::string tune = " --epochs 1 --lr 1e-9 --threads 1 --quiet ";
  for (const std::string head : {"auto", "keep"}) {
    const auto result = at.json(words("finetune " + in("02_reordered_labels") + " --data " +
                                      in("photos") + tune + "--head " + head + " --out " + head));
    CHECK(result["classes"] == std::vector<std::string>{"red", "green", "blue"});
    CHECK(result["test_accuracy"] == 1);
  }
  const auto all = at.json(
      words("evaluate " + in("02_reordered_labels") + " --data " + in("photos") + " --split all"));
  CHECK(all["accuracy"] == 1);
}

TEST_CASE("cases: modules_to_save by the names of Transformers 5, predicted and merged") {
  const Workplace at;
  const Probabilities right{{"blue", .334}, {"green", .414}, {"red", .252}};
  const std::string adapter = in("03_t5_modules_to_save_fc2");
  check_close(predicted(at, in("base"), adapter), right);
  json_of(at, {"merge", in("base"), adapter, "--out", "merged"});
  check_close(predicted(at, "merged", ""), right);
}

TEST_CASE("cases: numbers in --classes are the names of numbered folders") {
  const Workplace at;
  const std::string line = "train --data " + in("04_numeric_folders") +
                           " --epochs 1 --hidden-size 16 --layers 1 --heads 2 --threads 1 ";
  CHECK(at.json(words(line + "--classes 3-5,11 --out a"))["classes"] ==
        std::vector<std::string>{"3", "4", "5", "11"});
  const auto missing = at.run(words(line + "--classes 5-10 --out b"));
  CHECK(missing.code == 2);
  CHECK(says(missing, "--classes: the data have no class 6; they have "));
}

TEST_CASE("cases: tensors of other dtypes that nothing needs") {
  const Workplace at;
  check_close(predicted(at, in("08_unused_f8"), ""), predicted(at, in("base"), ""), 0);
  const auto control = predicted(at, in("base"), in("08_adapter_control_i64"));
  check_close(predicted(at, in("base"), in("08_adapter_unused_f8")), control, 0);
  const auto model = at.run({"predict", in("08_unused_f8"), in("wide.png")});
  CHECK(says(model, "vit.encoder.layer.0.input_scale (F8_E4M3)"));
  const auto adapter =
      at.run({"predict", in("base"), "--adapter", in("08_adapter_unused_f8"), in("wide.png")});
  CHECK(adapter.code == 0);
  CHECK(says(adapter, "not used: base_model.model.extra_scale (F8_E4M3)"));
  // inspect says it too.
  CHECK(at.run({"inspect", in("08_unused_f8")}).out.find("note: ") != std::string::npos);
}

TEST_CASE("cases: targets, layers and patterns that match nothing are named") {
  const Workplace at;
  const auto typo = at.run({"inspect", "--would-adapt", in("09_typo_target.json"), in("base")});
  CHECK(typo.out.find("note: target_modules valeu matches no module") != std::string::npos);
  const auto beyond = at.run(
      {"predict", in("base"), "--adapter", in("09_layers_to_transform_beyond"), in("wide.png")});
  CHECK(beyond.code == 0);
  CHECK(says(beyond, "layers_to_transform 7 matches no layer"));
  const auto wrong =
      at.run({"predict", in("base"), "--adapter", in("10_layers_pattern_wrong"), in("wide.png")});
  CHECK(wrong.code == 1);
  CHECK(says(wrong, "layers_pattern: {blocks} is no list of layers"));
}

TEST_CASE("cases: evaluate says what it leaves out") {
  const Workplace at;
  const std::vector<std::string> command{"evaluate", in("base"), "--data", in("12_unknown_classes"),
                                         "--split",  "all"};
  CHECK(at.run(command).out.find("; the model does not know 2 of the data's classes (Green, "
                                 "purple): 10 pictures are left out\n") != std::string::npos);
  const auto result = at.json(command);
  CHECK(result["left_out"]["classes"] == std::vector<std::string>{"Green", "purple"});
  CHECK(result["left_out"]["images"] == 10);
}

TEST_CASE("cases: a class name with a comma is given in quotation marks") {
  const Workplace at;
  fs::create_directory(at / "photos");
  for (const auto& [name, from] :
       std::map<std::string, std::string>{{"a, b", "red"}, {"c", "blue"}, {"d", "green"}})
    fs::copy(in("photos/" + from), at / ("photos/" + name), fs::copy_options::recursive);
  std::vector<std::string> command = words(
      "train --data photos --epochs 1 --hidden-size 16 --layers 1 --heads 2 --threads 1 "
      "--out a --classes");
  command.emplace_back(R"("a, b",d)");
  CHECK(at.json(command)["classes"] == std::vector<std::string>{"a, b", "d"});
}
