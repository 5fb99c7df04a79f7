// What this machine computes with.
#pragma once

#include "samples/papilio/inspect/inspection.h"

namespace papilio::cli {

// Processor, memory, GPUs, and the library and speed of products, which takes a fifth of a second.
Inspection inspect_machine();

}  // namespace papilio::cli
