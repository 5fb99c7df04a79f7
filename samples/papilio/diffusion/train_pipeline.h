// A small Stable Diffusion from scratch.
#pragma once

#include "samples/papilio/options/options.h"

namespace papilio::cli {

// What `papilio train` does with the words behind its name if they name pictures with captions.
// Returns the exit code.
int train_pipeline(const Words& words);

}  // namespace papilio::cli
