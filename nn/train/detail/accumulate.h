// The gradients of one step, which fit makes and plan_training counts.
#pragma once

#include <vector>

#include "nn/data/batch_source.h"
#include "nn/train/fit.h"
#include "tensor/batch_rows.h"

namespace papilio::nn {

// The rows that a batch with samples has in the whole one.
BatchRows rows_of(const Batch& batch);

// Adds the gradients of the mean loss over all samples of the step (Batch::weight); returns that
// loss.
double accumulate(const Loss& mean_loss, const std::vector<Batch>& batches);

}  // namespace papilio::nn
