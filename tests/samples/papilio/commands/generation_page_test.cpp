// samples/generation.md: every command of the page, as it stands, on a tiny pipeline and few steps.
#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/nn/diffusion/drawn_pictures.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/paths.h"
#include "tests/samples/papilio/program.h"
#include "tests/temporary_folder.h"

using namespace papilio;
namespace fs = std::filesystem;
using test::words;
using test::Workplace;

namespace {

// Lines that begin with "papilio", with those that a backslash joins to them.
std::vector<std::string> commands_of(const std::string& page) {
  std::vector<std::string> commands;
  std::istringstream lines(page);
  bool goes_on = false;
  for (std::string line; std::getline(lines, line);) {
    const size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos) continue;
    if (!goes_on && (begin < 4 || !line.substr(begin).starts_with("papilio "))) continue;
    if (!goes_on) commands.emplace_back();
    goes_on = line.ends_with('\\');
    if (goes_on) line.pop_back();
    commands.back() += line.substr(begin);
  }
  return commands;
}

// As a shell takes it apart.
std::vector<std::string> shell_words(const std::string& command) {
  std::vector<std::string> words;
  bool quoted = false, inside = false;
  for (const char c : command) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      inside = false;
    } else {
      if (!inside) words.emplace_back();
      inside = true;
      words.back() += c;
    }
  }
  return words;
}

}  // namespace

TEST_CASE("samples/generation.md: its commands run one after the other") {
  const Workplace at;
  fs::copy(test::golden_diffusion("sd15"), at / "sd15", fs::copy_options::recursive);
  test::write_captioned(at / "dog", 4, 16);
  fs::remove(at / "dog/metadata.jsonl");
  test::write_captioned(at / "outlines", 6, 16, true);
  test::write_captioned(at / "captioned", 6, 16);
  // What keeps them short.
  const std::map<std::string, std::string> shorter{
      {"dreambooth", "--max-train-steps 2 --num-class-images 2 --class-steps 1"},
      {"controlnet", "--max-train-steps 2"},
      {"generate", "--steps 1"},
      {"train",
       "--max-train-steps 2 --batch-size 2 --resolution 16 --unet-channels 8,16 --vae-channels "
       "8,16 "
       "--vocab-size 600"}};
  std::map<std::string, int> ran;
  for (const std::string& command :
       commands_of(test::read_bytes(fs::path(test::source_root) / "samples/generation.md"))) {
    CAPTURE(command);
    std::vector<std::string> line = shell_words(command);
    line.erase(line.begin());
    for (const std::string& word : words(shorter.at(line[0]))) line.push_back(word);
    const test::Outcome outcome = at.run(line);
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    ++ran[line[0]];
  }
  CHECK(ran == std::map<std::string, int>{
                   {"dreambooth", 2}, {"generate", 3}, {"controlnet", 1}, {"train", 1}});
  for (const char* made :
       {"runs/dog/unet/adapter_model.safetensors", "runs/dog/report.html", "runs/dog/steps.csv",
        "runs/dog/run.toml", "dogs/class-1.png", "runs/dog-lora/unet/adapter_config.json",
        "before/grid.png", "after/grid.png", "runs/outlines/controlnet/model.safetensors",
        "fox/0.png", "runs/pictures/model_index.json"})
    CHECK_MESSAGE(fs::exists(at / made), std::string(made));
  // The settings of a run with BOFT, by another method: its own name for the same biases.
  const auto lora = nlohmann::json::parse(at.bytes("runs/dog-lora/unet/adapter_config.json"));
  CHECK(lora["peft_type"] == "LORA");
  CHECK(lora["bias"] == "lora_only");
  CHECK(at.json(words("inspect sd15"))["kind"] == "pipeline");
}
