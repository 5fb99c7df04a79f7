// Pictures of a Stable Diffusion folder.
#pragma once

#include "samples/papilio/options/options.h"

namespace papilio::cli {

// What `papilio generate` does with the words behind its name if one of them is a pipeline's
// folder. Returns the exit code.
int generate_pictures(const Words& words);

}  // namespace papilio::cli
