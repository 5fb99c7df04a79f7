// papilio finetune: the head's ways, the scale's, patience; what is kept; results.json; and merge
// --strength, the way back.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "tensor/copy.h"
#include "tensor/files/safetensors.h"
#include "tests/samples/papilio/program.h"

using namespace papilio;
using nlohmann::json;
using test::train_base;
using test::words;
using test::Workplace;

namespace {

const std::string kFinetune = "finetune base --classes 2-4 --batch-size 70 -t query ";

double accuracy_of(const Workplace& at, const std::string& line) {
  return at.json(words(line))["accuracy"];
}

}  // namespace

TEST_CASE("results.json holds what --json says; kept is what evaluate --classifier finds") {
  const Workplace at;
  train_base(at);
  const json said = at.json(words(kFinetune + "--epochs 1 --lr 0.1 --out a"));
  const json results = json::parse(at.bytes("a/results.json"));
  CHECK(results == said);
  for (const char* key : {"version", "test_accuracy", "validation_accuracy", "seconds",
                          "peak_memory_bytes", "trainable_parameters", "orthogonality_error"})
    CHECK_MESSAGE(results.contains(key), key);
  CHECK(results["kept"]["classes"] == std::vector<std::string>{"0", "1"});
  CHECK(results["kept"]["accuracy_before"] == accuracy_of(at, "evaluate base"));
  CHECK(results["kept"]["accuracy_after"] ==
        accuracy_of(at, "evaluate base --adapter a --classifier base"));
  CHECK(at.bytes("a/report.html").find("test images of its old classes rightly") !=
        std::string::npos);
  // The whole model, which has no adapter to switch off.
  const json full = at.json(
      words("finetune base --classes 2-4 --batch-size 70 --epochs 1 --method full --out full"));
  CHECK(full["kept"]["accuracy_before"] == results["kept"]["accuracy_before"]);
  CHECK(full["kept"]["accuracy_after"] ==
        accuracy_of(at, "evaluate full --classifier base --classes 0-1"));
  CHECK(!full.contains("orthogonality_error"));
  // Not measured, and nothing to measure.
  CHECK(!at.json(words(kFinetune + "--epochs 1 --kept=false --out b")).contains("kept"));
  CHECK(!at.json(words("finetune base --classes 0-1 --epochs 1 --batch-size 70 --out c"))
             .contains("kept"));
  CHECK(!json::parse(at.bytes("base/results.json")).contains("kept"));
}

TEST_CASE(
    "--head fitted begins where a head on frozen features ends, --head-lr 0 leaves it there") {
  const Workplace at;
  train_base(at);
  const std::string still = "--epochs 1 --lr 1e-9 --head-lr 0 --out ";
  const auto fitted = at.run(words(kFinetune + still + "fitted --head fitted"));
  REQUIRE_MESSAGE(fitted.code == 0, fitted.err);
  CHECK(fitted.out.find("head fitted to the features of ") != std::string::npos);
  const json drawn = at.json(words(kFinetune + still + "drawn --head new"));
  const json results = json::parse(at.bytes("fitted/results.json"));
  CHECK(results["test_accuracy"].get<double>() > drawn["test_accuracy"].get<double>() + 0.2);
  CHECK(results["train_loss"].get<double>() < drawn["train_loss"].get<double>() - 0.2);
  // The same with the same seed, and with --head-lr the head alone moves.
  at.json(words(kFinetune + still + "again --head fitted"));
  const auto head = [&](const std::string& folder) {
    return load_safetensors(at / (folder + "/adapter_model.safetensors"))
        .tensors.at("base_model.model.classifier.weight")
        .to_vector<float>();
  };
  CHECK(head("again") == head("fitted"));
  at.json(words(kFinetune + "--epochs 1 --lr 1e-9 --head-lr 0.1 --head fitted --out moved"));
  CHECK(head("moved") != head("fitted"));
  CHECK(at.bytes("moved/run.toml").find("head-lr = 0.1\n") != std::string::npos);
  CHECK(at.bytes("drawn/run.toml").find("patience") == std::string::npos);
  test::check_refused(
      at, {{kFinetune + "--lr 0 --head-lr 0.1 --out z", 2, "--head-lr: needs an --lr above 0"},
           {"finetune base --head fitted --classes 2-4 --modules-to-save query --out z", 2,
            "--modules-to-save: the head is new, so classifier must be among them, got query"}});
}

TEST_CASE("--head fitted and --scale positive go on after an interruption as if there were none") {
  const Workplace at;
  train_base(at);
  const std::string line =
      kFinetune +
      "--head fitted --scale positive --epochs 2 --lr 0.1 --checkpoint-steps 1 "
      "--keep-checkpoints 20 --out ";
  at.json(words(line + "whole"));
  std::filesystem::copy(at / "whole", at / "part", std::filesystem::copy_options::recursive);
  const auto checkpoints = at / "part/checkpoints";
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(checkpoints))
    if (entry.path().filename().string().starts_with("step")) files.push_back(entry.path());
  std::ranges::sort(files);
  REQUIRE(files.size() > 3);
  for (size_t i = 3; i < files.size(); ++i) std::filesystem::remove(files[i]);
  std::filesystem::remove(at / "part/adapter_model.safetensors");
  at.json(words(line + "part --resume"));
  CHECK(at.bytes("part/adapter_model.safetensors") == at.bytes("whole/adapter_model.safetensors"));
  const auto tensors = load_safetensors(at / "whole/adapter_model.safetensors").tensors;
  bool any = false;
  for (const auto& [key, tensor] : tensors) {
    if (!key.ends_with(".boft_s")) continue;
    any = true;
    CHECK(min(tensor).item() > 0);
    CHECK(max(tensor).item() > 1);
  }
  CHECK(any);
}

TEST_CASE("--patience stops a run that no longer gets better; without validation it is refused") {
  const Workplace at;
  train_base(at);
  const json stopped =
      at.json(words(kFinetune + "--epochs 40 --lr 1e-9 --head-lr 0 --patience 2 --out a"));
  CHECK(stopped["stopped_early"] == true);
  CHECK(stopped["interrupted"] == false);
  CHECK(stopped["failure"] == nullptr);
  // The first epoch is the best; two more are no better.
  CHECK(stopped["steps"].get<int>() == 3 * stopped["total_steps"].get<int>() / 40);
  CHECK(at.bytes("a/report.html").find("had not become better for some epochs") !=
        std::string::npos);
  const json again =
      at.json(words(kFinetune + "--epochs 40 --lr 1e-9 --head-lr 0 --patience 2 --out a --resume"));
  CHECK(again["steps"] == stopped["steps"]);
  CHECK(again["stopped_early"] == true);
  CHECK(at.json(words(kFinetune + "--epochs 2 --out b"))["stopped_early"] == false);
}

TEST_CASE("merge --strength: the base at 0, the adapter at 1; of a full finetuning, the way back") {
  const Workplace at;
  train_base(at);
  const auto weight = [&](const std::string& folder) {
    return copy_of(load_safetensors(at / (folder + "/model.safetensors"))
                       .tensors.at("vit.encoder.layer.0.attention.attention.query.weight"));
  };
  const auto apart = [&](const std::string& a, const std::string& b) {
    return max(abs(weight(a) - weight(b))).item();
  };
  for (const std::string method : {"boft", "oft", "lora", "hra"}) {
    CAPTURE(method);
    at.json(words(kFinetune + "--epochs 1 --lr 0.1 --out " + method + " --method " + method));
    const std::string line = "merge base " + method + " --overwrite --out ";
    at.json(words(line + "whole"));
    at.json(words(line + "one --strength 1"));
    at.json(words(line + "none --strength 0"));
    const json half = at.json(words(line + "half --strength 0.5"));
    CHECK(half["strength"] == 0.5);
    CHECK(half["largest_logit_difference"].get<double>() < 1e-4);
    CHECK(apart("one", "whole") == 0);
    CHECK(apart("none", "base") < 1e-6);
    CHECK(apart("whole", "base") > 1e-3);
    CHECK(apart("half", "base") < 0.7 * apart("whole", "base"));
    CHECK(apart("half", "base") > 0.3 * apart("whole", "base"));
  }
  at.json(words("finetune base --classes 2-4 --batch-size 70 --epochs 1 --method full --out full"));
  test::check_refused(at, {{"merge base full --out z", 2,
                            "full: holds a model, not an adapter; --strength T takes MODEL so far "
                            "towards it"},
                           {"merge base boft --strength nan --out z", 2, "--strength: "}});
  at.json(words("merge base full --strength 0.5 --out back"));
  CHECK(max(abs(weight("back") - (weight("base") + weight("full")) / 2)).item() < 1e-7);
  CHECK(accuracy_of(at, "evaluate back") >= 0);
  CHECK(json::parse(at.run(words("evaluate back --json")).out)["classes"] ==
        std::vector<std::string>{"2", "3", "4"});
}
