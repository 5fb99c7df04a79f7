// Ranks with a GPU each, whose sums of gradients stay on the GPUs.
#pragma once

#include <memory>
#include <string>

#include "nn/parallel/communicator.h"

namespace papilio::nn {

// Adds NCCL to `host`, which carries all exchanges but sums of the GPUs' memory, and NCCL's ids.
// All ranks call it, each with the device that it computes on. If not all of them can (a CPU, a GPU
// for two ranks, no NCCL in the build or on the machine), `host` comes back as it is, and `why`
// says which rank and why: sums then go through the host's memory.
std::unique_ptr<Communicator> with_nccl(std::unique_ptr<Communicator> host, Device device,
                                        std::string& why);

}  // namespace papilio::nn
