// Training a model, evaluating a classifier: plain loops that say what happens.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/loader.h"
#include "nn/models/answers.h"
#include "nn/module.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/schedule.h"
#include "nn/train/model_average.h"

namespace papilio::nn {

struct DataParallel;

// Batch::inputs, such as images (B, C, H, W) -> logits (B, classes)
using Forward = std::function<Tensor(const Tensor& inputs)>;
// The same with its products in `precision` (autograd/autocast.h) and float32 logits, so that the
// loss is one of float32.
Forward autocast(Forward forward, DType precision);
// A batch, on the model's device -> its mean loss, a scalar.
using Loss = std::function<Tensor(const Batch& batch)>;

// One step, as on_step gets it.
struct StepReport {
  int64_t step;  // 1 after the first
  double loss;   // NaN, as the norm is, if the step had no sample
  double lr;
  double gradient_norm;              // before clipping
  int64_t samples;                   // in this step
  double seconds;                    // of this step
  std::vector<std::string> skipped;  // what was wrong with samples that are not in the batch
  // In how many messages, of how many bytes in all, each rank's gradients travelled to the others;
  // 0 with one rank, and if parts of the batch are added in order.
  int64_t gradient_messages = 0, gradient_bytes = 0;
};

// How fit trains.
struct FitOptions {
  int64_t steps = 1;
  int64_t first_step = 0;          // made by the run that this one continues; they count in `steps`
  int64_t accumulation_steps = 1;  // batches in a step; fewer at an epoch's end
  ModelAverage* average = nullptr;  // updated after each step
  Schedule schedule = {};           // on the optimiser's rate as it is when fit begins
  double label_smoothing = 0;
  double max_gradient_norm = 1;
  // Launches a step as one CUDA graph (nn/train/captured_step.h); for models on a GPU, without
  // accumulation.
  bool cuda_graph = false;
  // The batches are those of several ranks (nn/parallel/data_parallel.h), whose loaders give their
  // parts: loss, norm and samples are of all of them, and all call on_step with the same and return
  // the same.
  const DataParallel* parallel = nullptr;
  // Called after each step; returning false ends the training.
  std::function<bool(const StepReport&)> on_step = nullptr;
};

// A loss or gradient that is not finite. The parameters are those of the last good step.
struct NonFiniteError : Error {
  using Error::Error;
};

// Runs optimiser steps of cross-entropy until options.steps are made, the module in training mode
// (it is in evaluation mode afterwards). The model may be on any device; batches follow it. A
// step's gradient is that of the mean loss over all its samples, or tokens (Batch::counted). A step
// all of whose samples are skipped changes nothing but counts, so that steps and places in the data
// stay together; an epoch of them throws FileError. A loss or gradient that is not finite throws
// NonFiniteError with the step and the first operation that made it. Returns the steps made, those
// before included.
int64_t fit(Module& model, const Forward& forward, Loader& loader, Optimizer& optimizer,
            const FitOptions& options);
// The same with a loss of one's own in cross-entropy's place. Throws ArgumentError for
// label_smoothing and cuda_graph, which belong to cross-entropy.
int64_t fit(Module& model, const Loss& mean_loss, Loader& loader, Optimizer& optimizer,
            const FitOptions& options);

// Optimiser steps in an epoch.
int64_t steps_per_epoch(const Loader& loader, int64_t accumulation_steps = 1);

// What evaluate found.
struct Evaluation {
  std::vector<int64_t> predicted;    // a class for each sample, in the data's order, or -1
  std::vector<double> probability;   // of the predicted class
  std::vector<int64_t> labels;       // the true classes
  std::vector<double> losses;        // cross-entropy of each sample, or of each token of a text
  std::vector<int64_t> positions;    // of each sample in the data
  double accuracy = 0;               // fraction whose class is the predicted one
  double top5 = 0;                   // fraction whose class is among the five likeliest
  double loss = 0;                   // mean cross-entropy
  int64_t counted = 0;               // values that the loss is the mean of, if not of samples
  int64_t without_answer = 0;        // samples with a NaN among their logits: their class is -1
  std::vector<std::string> skipped;  // what was wrong with samples that are left out
};
// In evaluation mode and without gradients; puts the module's mode back. Of equal logits the lower
// class is the likelier one.
Evaluation evaluate(Module& model, const Forward& forward, const Batches& data,
                    int64_t batch_size = 256);
// One epoch of `loader`, from its beginning and in its order (Options::shuffle = false keeps the
// data's, and epochs = 1 prepares nothing beyond). Throws FileError if no sample can be read.
// kind: each_class makes the probability a sigmoid and the loss the mean binary cross-entropy of
// the classes, of which the true one is a yes.
Evaluation evaluate(Module& model, const Forward& forward, Loader& loader,
                    AnswerKind kind = AnswerKind::one_class);

// counts[true class][predicted class], of samples that have one
std::vector<std::vector<int64_t>> confusion_matrix(const Evaluation& evaluation, int64_t classes);

}  // namespace papilio::nn
