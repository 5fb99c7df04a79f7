// An evaluation that several ranks share: each has some of the data's batches.
#pragma once

#include <cstdint>
#include <functional>

#include "nn/data/batch_source.h"
#include "nn/parallel/communicator.h"
#include "nn/train/fit.h"

namespace papilio::nn {

// Samples begin, ..., end - 1 of the source, as a source of its own.
Batches samples_of(Batches source, int64_t begin, int64_t end);
// The whole batches of `batch_size` that a rank evaluates of a source, one after another.
Batches share_of(const Batches& source, int64_t batch_size, const Communicator& ranks);

// What `evaluate` finds in all ranks' shares together, as one rank would in the whole: sums are in
// the data's order. Without losses, means are weighed by `counted`.
// A rank whose share is empty does not call it. positions are those in each share.
Evaluation evaluate_together(Communicator& ranks, const std::function<Evaluation()>& evaluate,
                             bool has_share);

}  // namespace papilio::nn
