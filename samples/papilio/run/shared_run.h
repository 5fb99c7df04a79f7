// What the ranks of a run agree on before its first step.
#pragma once

#include <cstdint>
#include <string>

#include "nn/parallel/data_parallel.h"
#include "nn/train/training_state.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/run/training.h"
#include "samples/papilio/run/training_record.h"

namespace papilio::cli {

// Throws UsageError, at all ranks, if there are more ranks than images in a batch or parts of it.
void check_ranks(const TrainingSettings& settings);
// How the settings divide batches among the ranks, which check_ranks has not refused.
nn::DataParallel parallel_of(const TrainingSettings& settings);
// What gradients travel as.
DType gradients_of(const TrainingSettings& settings);
// Images that a rank computes at a time.
int64_t samples_at_a_time(const TrainingSettings& settings);

// Throws RankError, at all ranks, if programs, settings, what models are besides their weights,
// data (by their digest) or frozen parameters differ, and names the difference; kernels of products
// that differ are refused if bits are promised, and said otherwise. Then all ranks have rank 0's
// parameters and what else it may have read from a checkpoint: no other needs its files.
void share_start(const TrainingSettings& training, const nn::TrainingParts& parts, int64_t& step,
                 TrainingRecord& record, const TrainingJob& job, const Options& options);

}  // namespace papilio::cli
