// What every training run says of itself: with --json on the screen, and in results.json.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "boft/model/model.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/run/training_end.h"
#include "samples/papilio/run/training_run.h"

namespace papilio::cli {

// Command, version, device, threads, seed, data, the model's parameters, how the training ended,
// and how far the adapter's blocks are from rotations. `adapters` may be null.
nlohmann::json run_results(const Options& options, const RunSettings& settings, nn::Module& model,
                           const boft::AdapterModel* adapters, const TrainingEnd& end);

// results.json in the run's folder. The result itself is safe already: what fails is a warning.
void write_results_or_warn(const Options& options, const std::filesystem::path& out,
                           const nlohmann::json& results);

}  // namespace papilio::cli
