// How train and finetune train: optimiser, schedule, augmentation, checkpoints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/papilio/options/augmentation_options.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

// The defaults suit a small model of the digits that learns from scratch.
struct TrainingSettings {
  int64_t epochs = 40, batch_size = 64, seed = 0, accumulate = 1, patience = 0;
  double lr = 2e-3, weight_decay = 0.05, momentum = 0.9, warmup = 0.05, min_lr = 0;
  double label_smoothing = 0.1, clip = 1, layer_decay = 1, ema = 0;
  double head_lr = -1;  // below 0: lr
  AugmentSettings augment = {.shift = 0.5, .rotate = 8};
  std::string optimizer = "adamw", schedule = "cosine", save = "last", precision = "float32",
              recompute = "off";
  bool use_8bit_adam = false;  // what a pipeline's training has of --optimizer
  int64_t checkpoint_steps = 0, keep_checkpoints = 2;
  bool resume = false, cuda_graph = false;
  double memory = 0;         // GB that the run may take; 0: what is free
  int64_t reproducible = 0;  // parts of each batch; 0: one a process
  double rank_timeout = 60;  // seconds that processes wait for one of them
  std::string gradients = "float32";
  bool fit_memory = false;  // divide the batch if it would take more
};

// What every training has: the batch, its precision, the average of weights;
void add_batch_options(Options& options, TrainingSettings& settings);
// the rate and what else makes a step of a gradient, and the seed;
void add_rate_options(Options& options, TrainingSettings& settings);
// the section on checkpoints.
void add_checkpoint_options(Options& options, TrainingSettings& settings);
// --memory.
void add_memory_limit(Options& options, TrainingSettings& settings);
// --fit-memory; `besides` ends what it says that it does.
void add_fit_memory(Options& options, TrainingSettings& settings, const std::string& besides = "");
// --recompute.
void add_recompute(Options& options, TrainingSettings& settings);
// The options that memory depends on: the batch's, recomputation, the optimiser.
void add_memory_options(Options& options, TrainingSettings& settings);
std::vector<Options::Handle> memory_options(const TrainingSettings& settings);
// All that a classifier or a language model is trained by.
void add_training_options(Options& options, TrainingSettings& settings);
// Throws UsageError for options that say nothing together with the others or on this device.
void check_training_options(Options& options, const TrainingSettings& settings, Device device);

}  // namespace papilio::cli
