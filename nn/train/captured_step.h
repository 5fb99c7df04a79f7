// A training step that is launched as one CUDA graph.
#pragma once

#include <cstdint>
#include <memory>

#include "nn/data/batch_source.h"
#include "nn/train/fit.h"

namespace papilio::nn {

// Forward pass, mean cross-entropy, backward pass, clipping and update of batches of one shape, in
// one launch: small models spend most of a step's time on launching its kernels one by one. The
// first step of a shape is made as always, the second is recorded, and from then on recorded steps
// are launched; batches of another shape (an epoch's last) are steps as always. What changes from
// step to step is read from the device's memory: inputs, target, the learning rate, the number of
// the step, the place in the random stream. The bits are those of ordinary steps.
//
// A step that reads values back or draws random numbers on the host throws Error when it is
// recorded, and has then changed nothing.
class CapturedStep {
 public:
  struct Options {
    double label_smoothing = 0;
    double max_gradient_norm = 1;
  };
  // Everything outlives it and stays where it is. Throws ArgumentError for a model on the CPU.
  CapturedStep(Module& model, Forward forward, Optimizer& optimizer, Options options);
  ~CapturedStep();
  CapturedStep(const CapturedStep&) = delete;
  CapturedStep& operator=(const CapturedStep&) = delete;

  // What a step found.
  struct Result {
    double loss, gradient_norm;  // the norm before clipping
    bool updated;                // false: one of them is not finite, and nothing has changed
  };
  // With the optimiser's rate as it is now. The batch may be on any device. Throws ArgumentError
  // for labels that are no classes.
  Result operator()(const Batch& batch);

  // Steps launched as a graph so far.
  int64_t launched() const { return launched_; }

 private:
  class Recording;

  Result ordinary(const Batch& batch);
  Result launch(const Batch& batch);

  Forward forward_;
  Optimizer& optimizer_;
  Options options_;
  Device device_;
  Dims seen_;  // the inputs of the last ordinary step
  std::unique_ptr<Recording> recording_;
  int64_t launched_ = 0;
};

}  // namespace papilio::nn
