// The memory that a run will take: planned, compared with what there is, fitted to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "nn/models/image_classifier.h"
#include "nn/train/memory_plan.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::cli {

// A plan and what it is compared with.
struct RunMemory {
  nn::MemoryPlan plan;
  size_t needed = 0;     // bytes, the weights included
  size_t available = 0;  // the same, of what there is
  std::string bound;     // of `available`: "free memory", "cgroup limit", "--memory"
  int sharing = 1;       // ranks that have as much each

  bool fits() const { return needed <= available; }
  // "6.4 GB of 21.7 GB: weights 0.1, optimiser 0.0, ..."
  std::string text() const;
  nlohmann::json json() const;
  // A row a part, and one an operation that keeps activations.
  std::string table() const;
};

// What the run is that a plan is made of.
struct MemoryQuestion {
  nn::ImageClassifier& model;
  Dims image_shape;
  bool validates = true;
  int64_t workers = 0;
  const TrainingSettings& settings;
};
MemoryQuestion memory_question(nn::ImageClassifier& model, const TrainingData& data,
                               const TrainingSettings& settings);

// Throws nothing for a run that does not fit: fits() says so.
RunMemory plan_memory(const MemoryQuestion& question);

// "dinov2, 12 layers of width 384, 1,370 tokens an image (518x518), batch 16 x 4; memory 6.4 GB of
// ...", said before the first step.
std::string plan_line(const nn::ImageClassifier& model, const Dims& image_shape,
                      const TrainingSettings& settings, const RunMemory& memory);

// What a run that does not fit could be instead: "--batch-size 16 --accumulate 4 (6.4 GB)", a line
// each. resizable: --image-size may be another.
std::vector<std::string> what_would_fit(const MemoryQuestion& question, bool resizable);

// Plans the run. One that does not fit throws OutOfMemoryError with the numbers and what would fit,
// or with --fit-memory becomes one that does: batch_size and accumulate of `settings` (and of
// `data`) change, and recompute if that is not enough; a run that is resumed stays as it was.
// Returns the plan.
RunMemory settle_memory(const Options& options, nn::ImageClassifier& model, TrainingData& data,
                        TrainingSettings& settings, const std::string& out, bool resizable);

}  // namespace papilio::cli
