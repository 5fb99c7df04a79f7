// The main job as one call.
#pragma once

#include <cstdint>
#include <filesystem>

namespace papilio::demo {

struct DemoOptions {
  std::filesystem::path out;  // made where it is missing
  int64_t seeds = 3;          // adaptations of each method
  bool quick = false;         // few steps: shows that everything runs, measures nothing
  bool tune = false;          // tries each method's rates on the validation digits first
  bool json = false;          // results.json on standard output too, and nothing else there
  uint64_t seed = 0;          // of the pretraining and the first adaptation
};

// Returns the exit code.
int run(const DemoOptions& options);

}  // namespace papilio::demo
