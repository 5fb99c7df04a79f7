// Ranks with a GPU each, whose sums of gradients stay on the GPUs.
#pragma once

#include <memory>
#include <string>

#include "nn/parallel/communicator.h"

namespace papilio::nn {

// Adds NCCL to `ranks`, which go on carrying all exchanges but sums of the GPUs' memory. All ranks
// call it, each with the device that it computes on. Returns "", or, if not all of them can (a CPU,
// a GPU for two ranks, no NCCL in the build or on the machine), which rank and why: then `ranks`
// stay as they are, and sums go through the host's memory. patience: Communicator::set_patience's.
// Throws Error if NCCL fails, at this rank alone or at all; `ranks` then can tell the others.
std::string add_nccl(std::unique_ptr<Communicator>& ranks, Device device, double patience);

}  // namespace papilio::nn
