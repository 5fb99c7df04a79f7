// papilio train and finetune: what they write and say, on models that train in moments.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "autograd/anomaly.h"
#include "boft/files/checkpoint.h"
#include "nn/models/pretrained.h"
#include "tensor/files/safetensors.h"
#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::kTinyModel;
using test::train_base;
using test::words;
using test::Workplace;

TEST_CASE("train writes a model folder, its log and its settings") {
  const Workplace at;
  const auto result = at.run(words("train --classes 0,3-4 --out runs/m " + kTinyModel));
  REQUIRE_MESSAGE(result.code == 0, result.err);
  CHECK(result.out.find("test accuracy") != std::string::npos);
  const nn::PretrainedClassifier loaded = nn::from_pretrained(at / "runs/m");
  CHECK(loaded.class_names == std::vector<std::string>{"0", "3", "4"});
  CHECK(loaded.model->shape().hidden_size == 16);
  CHECK(loaded.model->shape().intermediate_size == 64);
  CHECK(at.bytes("runs/m/log.csv").starts_with("epoch,step,loss,lr,"));
  const std::string settings = at.bytes("runs/m/run.toml");
  CHECK(settings.starts_with("version = \""));
  for (const char* line : {"command = \"train\"\n", "classes = \"0,3-4\"\n", "hidden-size = 16\n",
                           "intermediate-size = 64\n", "seed = 0\n"})
    CHECK_MESSAGE(settings.find(line) != std::string::npos, line);
}

TEST_CASE("the same seed gives the same files, another seed others; run.toml runs again") {
  const Workplace at;
  const std::string line = "train --classes 0-1 --dropout 0.1 " + kTinyModel;
  for (const char* seed : {"a --seed 3", "b --seed 3", "c --seed 4"})
    at.json(words(line + "--out " + seed));
  at.json(words("train --config a/run.toml --out d"));
  at.json(words("train --config a/run.toml --out e --seed 4"));
  const std::string bytes = at.bytes("a/model.safetensors");
  CHECK(bytes == at.bytes("b/model.safetensors"));
  CHECK(bytes == at.bytes("d/model.safetensors"));
  CHECK(bytes != at.bytes("c/model.safetensors"));
  CHECK(at.bytes("c/model.safetensors") == at.bytes("e/model.safetensors"));
  CHECK(at.bytes("a/config.json") == at.bytes("b/config.json"));
}

TEST_CASE("a compact convolutional transformer trains, is read back and adapted") {
  const Workplace at;
  at.json(
      words("train --conv-layers 1 --pooling seq --attention-dropout 0.1 --drop-path 0.1 "
            "--hidden-size 16 --layers 2 --heads 2 --epochs 1 --batch-size 70 --out cct"));
  const std::string settings = at.bytes("cct/run.toml");
  CHECK(settings.find("conv-layers = 1\n") != std::string::npos);
  CHECK(settings.find("patch-size") == std::string::npos);
  const auto model = at.json(words("inspect cct"));
  CHECK(model["patch_size"] == 2);
  at.json(words("finetune cct -t query,value -b 4 -m 2 --epochs 1 --out tuned"));
  CHECK(at.json(words("evaluate cct --adapter tuned"))["images"].get<int>() > 300);
  const auto outcome = at.run(words("train --conv-layers 1 --patch-size 2 --out other"));
  CHECK(outcome.code == 2);
  CHECK(outcome.err == "papilio train: --patch-size: has a meaning only with --conv-layers 0\n");
}

TEST_CASE("every method finetunes; evaluating and merging agree with it") {
  const Workplace at;
  train_base(at);
  const auto before = at.json(words("evaluate base"));
  for (const char* method : {"boft -b 4 -m 2 --bias boft_only", "oft -b 8",
                             "lora -r 2 -t query,value", "hra -r 4", "linear", "full"}) {
    CAPTURE(method);
    const bool adapter = method[0] != 'f' && std::string(method) != "linear";
    std::filesystem::remove_all(at / "tuned");
    std::filesystem::remove_all(at / "merged");
    const auto tuned = at.json(words(
        "finetune base --classes 5-7 --epochs 2 --out tuned --method " + std::string(method)));
    CHECK(tuned["classes"] == std::vector<std::string>{"5", "6", "7"});
    CHECK(tuned["trainable_parameters"] <= tuned["all_parameters"]);
    const auto loaded =
        at.json(words(adapter ? "evaluate base --adapter tuned" : "evaluate tuned"));
    CHECK(loaded["accuracy"] == tuned["test_accuracy"]);
    // In batches of another size, which sgemm may round differently.
    CHECK(loaded["loss"].get<double>() ==
          doctest::Approx(tuned["test_loss"].get<double>()).epsilon(1e-6));
    // A new head alone changes nothing of what the old one sees; the others do.
    const auto kept = at.json(words((adapter ? "evaluate base --adapter tuned" : "evaluate tuned") +
                                    std::string(" --classifier base")));
    CHECK(kept["classes"] == before["classes"]);
    CHECK((kept["loss"] == before["loss"]) == (std::string(method) == "linear"));
    if (!adapter) continue;
    const auto merged = at.json(words("merge base tuned --out merged --safe"));
    CHECK(merged["largest_logit_difference"] < 1e-4);
    const auto plain = at.json(words("evaluate merged"));
    CHECK(plain["accuracy"] == tuned["test_accuracy"]);
    CHECK(plain["loss"].get<double>() == doctest::Approx(tuned["test_loss"].get<double>()));
    CHECK(plain["confusion"] == loaded["confusion"]);
  }
}

TEST_CASE("an adapter's settings follow the options") {
  const Workplace at;
  train_base(at);
  at.json({"finetune", "base", "--classes", "0-1", "--epochs", "1", "-n", "2", "--dropout", "0.5",
           "-t", ".*\\.(query|value)", "--exclude-modules", "key", "--out", "a"});
  nn::PretrainedClassifier loaded = nn::from_pretrained(at / "base");
  boft::AdapterModel model(*loaded.model);
  boft::load_adapter(model, at / "a");
  const auto config = std::get<boft::BoftConfig>(model.config("default"));
  CHECK(config.boft_block_size == 0);
  CHECK(config.boft_block_num == 2);
  CHECK(config.boft_n_butterfly_factor == 2);
  CHECK(config.boft_dropout == 0.5);
  CHECK(config.target_modules == boft::ModuleNames(".*\\.(query|value)"));
  CHECK(config.exclude_modules == boft::ModuleNames{"key"});
  CHECK(model.layers("default").size() == 2);
  // What the file says survives its way through TOML.
  at.json(words("finetune --config a/run.toml --out b"));
  CHECK(at.bytes("a/adapter_config.json") == at.bytes("b/adapter_config.json"));
  CHECK(at.bytes("a/adapter_model.safetensors") == at.bytes("b/adapter_model.safetensors"));
  // Drop path changes the training, and stays out of run.toml if it was not asked for.
  CHECK(at.bytes("a/run.toml").find("drop-path") == std::string::npos);
  at.json(words("finetune --config a/run.toml --drop-path 0.5 --out d"));
  CHECK(at.bytes("d/run.toml").find("drop-path = 0.5\n") != std::string::npos);
  CHECK(at.bytes("a/adapter_model.safetensors") != at.bytes("d/adapter_model.safetensors"));
  // The pattern of a whole path knows no layers.
  for (const std::string targets : {".*query", "all-linear"}) {
    const auto refused = at.run(
        words("finetune base --epochs 1 --layers-to-transform 0 --quiet --out c -t " + targets));
    CHECK(refused.code == 2);
    CHECK(refused.err ==
          "papilio finetune: --layers-to-transform: goes with names in "
          "--target-modules, got " +
              targets + "; an expression can say the layers itself\n");
  }
}

TEST_CASE("--layers-to-transform finds timm's layers, whose list lies at the top") {
  const Workplace at;
  at.json(
      words("train --classes 0-1 --hidden-size 16 --layers 2 --heads 2 --patch-size 4 --epochs 1 "
            "--batch-size 70 --out base"));
  CHECK(at.run(words("convert base --to timm --out timm")).code == 0);
  at.json(words("finetune timm --classes 2-3 --layers-to-transform 1 --epochs 1 --out a"));
  const auto config = nlohmann::json::parse(at.bytes("a/adapter_config.json"));
  CHECK(config["layers_to_transform"] == std::vector<int>{1});
  CHECK(config["layers_pattern"] == std::vector<std::string>{"blocks"});
  for (const auto& [key, tensor] : load_safetensors(at / "a/adapter_model.safetensors").tensors)
    CHECK((key.starts_with("base_model.model.blocks.1.") ||
           key.starts_with("base_model.model.head.")));
  at.json(words("evaluate timm --adapter a --classes 2-3"));
}

TEST_CASE("training that meets NaN keeps the last good step, says so and fails") {
  const Workplace at;
  const auto outcome = at.run(
      words("train --lr 1e30 --clip 0 --optimizer sgd --quiet --json --out m " + kTinyModel));
  CHECK(outcome.code == 1);
  CHECK_MESSAGE(outcome.err.starts_with("papilio train: training stopped at step "), outcome.err);
  CHECK_MESSAGE(outcome.err.find("-nan") == std::string::npos, outcome.err);
  CHECK(outcome.err.find("; the model of step ") != std::string::npos);
  CHECK(outcome.err.find(" is in m\n") != std::string::npos);
  CHECK(nlohmann::json::parse(outcome.out)["failure"].is_string());
  CHECK(at.bytes("m/report.html").find("The training failed: training stopped at step ") !=
        std::string::npos);
  nn::PretrainedClassifier loaded = nn::from_pretrained(at / "m");
  for (const nn::NamedTensor& parameter : nn::named_parameters(*loaded.model))
    CHECK_MESSAGE(all_finite(*parameter.tensor), parameter.name);
}

TEST_CASE("Ctrl-C ends the step, saves and says so") {
  const Workplace at;
  const auto outcome = at.run(
      words("train --classes 0-1 --out base --hidden-size 16 --layers 1 --heads 2 "
            "--patch-size 4 --epochs 100000 --quiet"),
      [&](int process) {
        // The log's first line of numbers: training goes on.
        using namespace std::chrono_literals;
        for (int i = 0; i < 2000 && at.bytes("base/log.csv").find("\n1,") == std::string::npos; ++i)
          std::this_thread::sleep_for(10ms);
        kill(process, SIGINT);
      });
  CHECK(outcome.code == 130);
  CHECK_MESSAGE(outcome.err.starts_with("papilio train: interrupted after step "), outcome.err);
  CHECK(outcome.err.find("what it learned is in base\n") != std::string::npos);
  const auto result = at.json(words("evaluate base"));
  CHECK(result["classes"].size() == 2);
}
