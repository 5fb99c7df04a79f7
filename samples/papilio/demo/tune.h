// How the methods' learning rates are chosen.
#pragma once

#include "samples/papilio/demo/experiment.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/demo/task.h"

namespace papilio::demo {

// Trains every method with every rate by kRateRule and prints, on standard output, what the
// validation digits say: a table, or JSON. Returns the exit code: 0, or 128 + the signal that ended
// it.
int tune(const Task& task, const Hyperparameters& hyperparameters, const Pretrained& pretrained,
         bool json);

}  // namespace papilio::demo
