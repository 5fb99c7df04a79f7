// Everything a training run needs to go on as if it had never stopped, in one checked file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "nn/data/loader.h"
#include "nn/module.h"
#include "nn/optim/optimizer.h"
#include "nn/train/model_average.h"
#include "tensor/random.h"

namespace papilio::nn {

// What a run is made of; `average` is null without.
struct TrainingParts {
  Module& model;
  Optimizer& optimizer;
  Loader& loader;
  ModelAverage* average = nullptr;
};

// What else a run remembers: words by name, its settings for one.
using TrainingNotes = std::map<std::string, std::string>;

// Where a run stands.
struct TrainingPlace {
  int64_t step = 0;  // made so far
  TrainingNotes notes = {};
  // Found in a file; saving takes them from the run's parts.
  LoaderState loader = {};
  GeneratorState random = {};
  int64_t updates = 0;  // the optimiser's steps
};

// Writes one safetensors file, atomically: the parameters that train and the buffers, the
// optimiser's moments, the averages, the default generator's and the loader's state, and a checksum
// (CRC-32) over all of it. Parameters and codes that do not train are not in it: their checksum is.
// Throws FileError; the file that was there before then still is.
void save_training_state(const std::filesystem::path& path, const TrainingParts& parts,
                         const TrainingPlace& place);

// Puts everything back. Throws FileError for a file that is broken (truncated, a wrong checksum),
// of another model, optimiser, loader or base model, or whose numbers no such run can have; then
// nothing has changed.
TrainingPlace load_training_state(const std::filesystem::path& path, const TrainingParts& parts);

// Reads and checks a file without using it.
TrainingPlace read_training_place(const std::filesystem::path& path);

}  // namespace papilio::nn
