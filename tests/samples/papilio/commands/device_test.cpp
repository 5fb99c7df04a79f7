// The tool on a device, which the emulator plays: what it says there is what it says on the CPU.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/samples/papilio/program.h"

namespace papilio::test {

namespace {

// The command's answer on the CPU and on the device, whose number at `key` agrees.
void check_device(const Workplace& at, const std::string& line, const std::string& out,
                  const std::string& key) {
  CAPTURE(line);
  const auto answer = [&](const std::string& device) {
    const std::string to = out.empty() ? "" : " --out " + out + (device == "cpu" ? "_cpu" : "");
    return at.json(words(line + to + " --device " + device));
  };
  const nlohmann::json here = answer("cpu"), there = answer("cuda");
  CHECK(here["device"] == "cpu");
  CHECK(there["device"] == "cuda:0");
  const nlohmann::json::json_pointer number(key);
  CHECK(std::abs(here.at(number).get<double>() - there.at(number).get<double>()) < 1e-4);
}

}  // namespace

TEST_CASE("--device cuda: train, finetune, evaluate, predict and merge answer as on the CPU") {
  if (*emulated_program == '\0') return;
  const Workplace at(emulated_program);
  check_device(at, "train --classes 0-1 " + kTinyModel, "base", "/test_loss");
  const std::string adapt = "finetune base --classes 2-3 --epochs 1 --batch-size 70 --lr 1e-2 ";
  check_device(at, adapt + "--method boft -b 4 -m 2", "boft", "/test_loss");
  check_device(at, adapt + "--method oft", "oft", "/test_loss");
  check_device(at, adapt + "--method lora", "lora", "/test_loss");
  at.json(words(adapt + "--method lora --out graph --device cuda --cuda-graph"));
  CHECK(at.bytes("graph/adapter_model.safetensors") == at.bytes("lora/adapter_model.safetensors"));
  check_device(at, adapt + "--method full", "full", "/test_loss");
  check_device(at, "evaluate base --adapter boft --classes 2-3", "", "/loss");
  check_device(at, "predict base --adapter boft --digit 3", "", "/predictions/0/probability");
  check_device(at, "merge base boft", "merged", "/largest_logit_difference");
  check_device(at, "evaluate merged --classes 2-3", "", "/loss");
}

}  // namespace papilio::test
