// Files as other tools write them, beside what Transformers, PEFT and Pillow make of them: the
// small inputs in tests/golden/cases.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "tests/capture_bound.h"
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

Probabilities probabilities(const Workplace& at, std::vector<std::string> command) {
  command.insert(command.end(), {"--top", "10"});
  const auto result = json_of(at, command);
  Probabilities found;
  for (const auto& top : result["predictions"][0]["top"])
    found[top["class"]] = top["probability"].get<double>();
  return found;
}

// What a model says of wide.png.
Probabilities predicted(const Workplace& at, const std::string& model,
                        const std::string& adapter = "") {
  std::vector<std::string> command{"predict", model, in("wide.png")};
  if (!adapter.empty()) command.insert(command.end(), {"--adapter", adapter});
  return probabilities(at, command);
}

void check_close(const Probabilities& got, const Probabilities& want, double tolerance = 5e-4) {
  REQUIRE(got.size() == want.size());
  for (const auto& [name, p] : want) {
    CAPTURE_BOUND(name);
    CHECK(std::abs(got.at(name) - p) <= tolerance);
  }
}

bool says(const Outcome& outcome, const std::string& text) {
  return outcome.err.find(text) != std::string::npos;
}

const std::string kTinyTraining =
    " --epochs 1 --hidden-size 16 --layers 1 --heads 2 --threads 1 --out out";

// The sum of byte times place, mod 2^32.
uint32_t checksum(const nn::Image& image) {
  uint32_t sum = 0;
  for (size_t i = 0; i < image.pixels.size(); ++i) sum += uint32_t(i + 1) * image.pixels[i];
  return sum;
}

}  // namespace

TEST_CASE("cases: DeiT's size as a number, a list and an object") {
  const Workplace at;
  for (const std::string form : {"dict_size_control", "int_size", "list_size"}) {
    CAPTURE(form);
    // Transformers 5.24.
    check_close(predicted(at, in("01_deit_" + form)),
                {{"blue", .33782}, {"green", .31665}, {"red", .34552}}, 2e-5);
  }
}

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
  const std::string line = "train --data " + in("04_numeric_folders") + kTinyTraining;
  CHECK(at.json(words(line + " --classes 3-5,11"))["classes"] ==
        std::vector<std::string>{"3", "4", "5", "11"});
  const auto said = at.run(words(line + " --classes 3-5,11 --overwrite"));
  CHECK(said.out.starts_with("4 classes (3-5,11), 16 images to train, 4 to validate, 4 to test\n"));
  const auto missing = at.run(words(line + "2 --classes 9-13"));
  CHECK(missing.code == 2);
  CHECK(says(missing, "--classes: the data have no class 13; they have "));
}

TEST_CASE("cases: parts under other names are parts, and classes lie below them") {
  const Workplace at;
  for (const std::string form : {"training_testing", "upper"}) {
    CAPTURE(form);
    const std::string line = "train --data " + in("05_splits_" + form) + kTinyTraining + form;
    const auto trained = at.run(words(line));
    CHECK(trained.code == 0);
    CHECK(trained.out.starts_with(
        "2 classes (cat, dog), 8 images to train, 2 to validate, 10 to test\n"));
    const auto config = nlohmann::json::parse(at.bytes("out" + form + "/config.json"));
    CHECK(config["id2label"] == nlohmann::json{{"0", "cat"}, {"1", "dog"}});
  }
  const auto none = at.run(words("train --data " + in("05_splits_val_test") + kTinyTraining));
  CHECK(none.code == 1);
  CHECK(none.out == "");
  CHECK(says(none, "05_splits_val_test: holds val, a part of a data set, but none to train on"));
  CHECK(!fs::exists(at / "out"));
}

TEST_CASE("cases: pictures that Pillow reads have Pillow's pixels; the others are named") {
  const Workplace at;
  int pictures = 0;
  for (const auto& entry : fs::directory_iterator(in("06_images"))) {
    const std::string name = entry.path().filename().string(), path = entry.path().string();
    const std::string ending = entry.path().extension().string();
    CAPTURE(name);
    if (name == "truncated.jpg" || name == "no_eoi.jpg" || ending == ".HEIC" || ending == ".tif") {
      const auto refused = at.run({"predict", in("base"), path});
      CHECK(refused.code == 1);
      CHECK(refused.out == "");
      CHECK(says(refused,
                 path + ": " +
                     (ending == ".jpg" ? "the JPEG data is corrupt"
                                       : "expected a JPEG or PNG picture, got a " +
                                             std::string(ending == ".tif" ? "TIFF" : "HEIC"))));
      continue;
    }
    ++pictures;
    const nn::Image image = nn::with_channels(nn::read_image(path), 3);
    CHECK(image.width == 32);
    CHECK(image.height == 32);
    CHECK(checksum(image) == (ending == ".png" ? 800065375U : 799817739U));  // Pillow 13
    check_close(probabilities(at, {"predict", in("base"), path}),
                {{"red", .372}, {"blue", .315}, {"green", .313}});
  }
  CHECK(pictures == 12);
}

TEST_CASE("cases: a class without a picture in the test part is said, and no obstacle") {
  const Workplace at;
  const auto trained = at.run(words("train --data " + in("07_empty_test_class") + kTinyTraining));
  CHECK(trained.code == 0);
  CHECK(trained.out.starts_with(
      "4 classes (0,180,270,90), 12 images to train, 12 to validate, 9 to test\n"));
  CHECK(says(trained, "07_empty_test_class/test: holds no picture of class 180\n"));
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

TEST_CASE("cases: of a side that is no multiple of the patch the remainder is dropped") {
  const Workplace at;
  // Transformers 5.24.
  check_close(predicted(at, in("16_dino_size_63")),
              {{"c0", .76248}, {"c1", .07111}, {"c2", .07128}, {"c3", .09513}}, 2e-5);
}

TEST_CASE(
    "cases: predict gives a folder's pictures a row each, and names a file that is not there") {
  const Workplace at;
  const auto rows = json_of(at, {"predict", in("base"), in("photos")})["predictions"];
  REQUIRE(rows.size() == 30);
  for (size_t i = 0; i < 30; ++i) {
    const std::string name = i < 10 ? "blue" : i < 20 ? "green" : "red";
    CHECK(rows[i]["image"] == in("photos/" + name + "/00" + std::to_string(i % 10) + ".png"));
    CHECK(rows[i]["class"] == name);
  }
  const auto missing = at.run(words("predict " + in("base") + " nothere.webp"));
  CHECK(missing.code == 1);
  CHECK(missing.out == "");
  CHECK(missing.err == "papilio predict: nothere.webp: there is no such file\n");
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
