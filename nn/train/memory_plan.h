// What a training run will take, before it takes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "nn/data/batch_source.h"
#include "nn/models/language_model.h"
#include "nn/train/fit.h"

namespace papilio::nn {

// Bytes at the moment when most of them are in use: on the model's device, but for `batches`.
struct MemoryPlan {
  size_t parameters = 0;   // of the whole model, buffers too; they are there already
  size_t optimizer = 0;    // its moments, and the average of the weights
  size_t gradients = 0;    // of what trains, beside the activations
  size_t activations = 0;  // what the forward pass keeps for the backward pass
  size_t workspace = 0;    // what passes: outputs on their way, kernels' own memory
  size_t batches = 0;      // inputs: of the step, and those prepared ahead, in the CPU's memory
  size_t exchange = 0;     // gradients on their way to the other ranks, and back
  // `activations` by the operation that makes them.
  std::map<std::string, size_t> by_operation;

  // What the device and the CPU have to have beside the parameters.
  size_t growth() const { return optimizer + gradients + activations + workspace + exchange; }
  size_t total() const { return parameters + growth() + batches; }
};

// The run to plan: planned_images or planned_text make what it computes, the caller says how often.
struct PlannedTraining {
  std::function<Batch(int64_t size, Device device)> batch;  // of the run's shapes, whatever in it
  Loss loss;                                                // the mean over a batch
  std::function<void(const Batch&)> evaluate;               // what the validation does with one
  int64_t batch_size = 1, accumulation_steps = 1;
  int64_t evaluation_batch = 0;  // of the validation; 0 without
  int64_t batches_ahead = 0;     // that loaders prepare (Loader::batches_ahead)
  std::function<std::unique_ptr<Optimizer>()> optimizer;
  bool average = false;                    // FitOptions::average
  const DataParallel* parallel = nullptr;  // FitOptions::parallel
};

// A run on images.
struct PlannedImages {
  Dims shape;  // (C, H, W)
  int64_t classes = 1;
  bool mixed_targets = false;  // mixup: the target is a distribution
  double label_smoothing = 0;
};
// `forward` is the run's own, `evaluation` that of its validation.
PlannedTraining planned_images(const Forward& forward, const Forward& evaluation,
                               const PlannedImages& images);
// A language model's run on sequences of `length` tokens, evaluated by evaluate_text; `loss` is the
// run's own. The model outlives the plan.
PlannedTraining planned_text(LanguageModel& model, const Loss& loss, int64_t length);

// A run on pictures with captions, in batches as captioned_batches makes them.
struct PlannedPictures {
  int64_t side = 512, tokens = 77;  // of a picture, of a caption
  bool conditioning = false, class_images = false;
};
// `loss` is the run's own; nothing is evaluated.
PlannedTraining planned_pictures(const Loss& loss, const PlannedPictures& pictures);

// Goes through a step and a validation batch of the run in a DryRun (tensor/dry_run.h), so that it
// knows what the code knows: nothing is computed, and parameters and random states stay as they
// are. The module is in evaluation mode afterwards, without gradients.
MemoryPlan plan_training(Module& model, const PlannedTraining& run);

}  // namespace papilio::nn
