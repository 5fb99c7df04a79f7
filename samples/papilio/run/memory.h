// The memory that a run will take: planned, compared with what there is, fitted to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "nn/module.h"
#include "nn/train/memory_plan.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::cli {

// A plan and what it is compared with.
struct RunMemory {
  nn::MemoryPlan plan;
  size_t needed = 0;     // bytes, the weights included
  size_t available = 0;  // the same, of what there is
  std::string bound;     // of `available`: "free memory", "cgroup limit", "--memory"
  std::string samples;   // what batches hold: "images", "sequences"
  int sharing = 1;       // ranks that have as much each
  size_t pictures = 0;   // bytes that pictures between the steps take more than a step

  bool fits() const { return needed <= available; }
  // "6.4 GB of 21.7 GB: weights 0.1, optimiser 0.0, ..."
  std::string text() const;
  nlohmann::json json() const;
  // A row a part, and one an operation that keeps activations.
  std::string table() const;
};

// The run that a plan is made of: on samples of one size, which could be another.
struct MemoryQuestion {
  nn::Module& model;
  TrainingSettings settings;
  std::string what = {};         // "vit, 12 layers of width 192, 197 tokens an image (224x224)"
  std::string sample = {};       // "image", "sequence"
  int64_t tokens = 1;            // of a sample
  int64_t size = 1;              // of a sample: pixels a side, tokens
  int64_t size_step = 1;         // sizes are multiples of it
  std::string size_option = {};  // what sets the size: "--image-size"; empty: nothing does
  // What the run computes of samples of a size.
  std::function<nn::PlannedTraining(const TrainingSettings&, int64_t size)> run = {};
  int64_t samples = std::numeric_limits<int64_t>::max();  // to train on; no batch holds more
  bool recomputes = true;  // has blocks that --recompute computes again
  bool validates = true;
  int64_t workers = 0;
};
// "12 layers of width 192", for `what`.
std::string layers_text(int64_t layers, int64_t width);

// Throws nothing for a run that does not fit: fits() says so.
RunMemory plan_memory(const MemoryQuestion& question);

// "dinov2, 12 layers of width 384, 1,370 tokens an image (518x518), batch 16 x 4; memory 6.4 GB of
// ...", said before the first step.
std::string plan_line(const std::string& what, const TrainingSettings& settings,
                      const RunMemory& memory);

// Between the steps the run makes pictures, which take so many bytes beside what it keeps: what
// that is more than a step counts from here on. Throws OutOfMemoryError, with the numbers, if there
// is not as much.
void add_pictures(RunMemory& memory, size_t bytes);

// What a run that does not fit could be instead: "--batch-size 16 --accumulate 4 (6.4 GB)", a line
// each.
std::vector<std::string> what_would_fit(const MemoryQuestion& question);

// Plans the run. One that does not fit throws OutOfMemoryError with the numbers and what would fit,
// or with --fit-memory becomes one that does: batch_size and accumulate of `settings`, which are
// the question's, change, and recompute if that is not enough; a run that is resumed stays as it
// was. Returns the plan.
RunMemory settle_memory(const Options& options, MemoryQuestion question, TrainingSettings& settings,
                        const std::string& out);

}  // namespace papilio::cli
