// The main job as one call.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "samples/papilio/data/digits.h"
#include "tensor/device.h"

namespace papilio::demo {

struct DemoOptions {
  std::filesystem::path out;        // made if it is missing
  int64_t seeds = 1;                // adaptations of each method
  std::string data = cli::kDigits;  // of the curves, or a folder of pictures
  bool quick = false;               // few steps: shows that everything runs, measures nothing
  bool curve = false;  // only draws what is learned against what is kept, every method whole
  // How many pretrainings the curves have, and which of the lengths and heads.
  int64_t pretrainings = 3;
  std::vector<int64_t> curve_epochs = {20, 60};
  std::vector<bool> fitted_heads = {false, true};
  bool tune = false;   // only tries each method's rates on the validation digits
  bool json = false;   // the figures as JSON on standard output, and nothing else there
  bool quiet = false;  // no progress on standard error
  uint64_t seed = 0;   // of the pretraining and the first adaptation; the others follow it
  Device device = Device::cpu();  // where the models compute
};

// Returns the exit code. A signal ends the step; what is finished by then is written and shown.
int run(const DemoOptions& options);

}  // namespace papilio::demo
