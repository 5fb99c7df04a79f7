// How several processes train together: what all commands share that train.
#pragma once

#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::cli {

// Their section, ...
void add_rank_options(Options& options, TrainingSettings& settings);
// ... and what of it stands in run.toml: what was given. Throws UsageError for options that say
// nothing together.
void settle_rank_options(Options& options, const TrainingSettings& settings);

}  // namespace papilio::cli
