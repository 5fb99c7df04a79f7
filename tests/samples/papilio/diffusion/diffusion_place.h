// Where tests of papilio dreambooth, controlnet and train on captions run the program.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "tests/nn/diffusion/drawn_pictures.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/samples/papilio/program.h"

namespace papilio::test {

// A place with the tiny pipeline `sd`, three pictures of a subject in `own`, and pictures with
// captions and conditioning pictures in `shapes`.
struct DiffusionPlace : Workplace {
  DiffusionPlace() {
    std::filesystem::copy(golden_diffusion("sd15"), *this / "sd",
                          std::filesystem::copy_options::recursive);
    write_captioned(*this / "own", 3, 16);
    std::filesystem::remove(*this / "own/metadata.jsonl");
    write_captioned(*this / "shapes", 6, 16, true);
  }
  // Four steps, unless more is said.
  std::vector<std::string> dreambooth(const std::string& rest,
                                      const std::string& steps = "4") const {
    std::vector<std::string> line = words("dreambooth sd --instance-data-dir own --lr 1e-2 " +
                                          rest + " --max-train-steps " + steps);
    line.insert(line.end(), {"--instance-prompt", "a sks square"});
    return line;
  }
  nn::Image picture(const std::string& out, const std::string& rest) const {
    json(words("generate " + rest + " --prompt square --steps 2 --overwrite --out " + out));
    return nn::read_image(*this / (out + "/0.png"));
  }
  // Behind the checkpoint of that step nothing was written.
  void forget_behind(const std::string& out, const std::string& newest,
                     const std::vector<std::string>& result) const {
    std::filesystem::remove(*this / (out + "/checkpoints/step-0000000" + newest + ".safetensors"));
    for (const std::string& name : result) std::filesystem::remove_all(*this / (out + '/' + name));
  }
};

}  // namespace papilio::test
