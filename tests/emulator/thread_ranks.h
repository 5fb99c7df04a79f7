// Ranks that are threads of one process, for what a test does with several devices.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "nn/parallel/communicator.h"

namespace papilio::test {

// Calls f(communicator) in `size` threads, rank r's being of the r-th; returns when all have ended.
// An Error that f throws is told to the others, as a program's main does; returns the first as it
// is to be printed, with its rank's name in front, or "".
std::string in_thread_ranks(int size,
                            const std::function<void(std::unique_ptr<nn::Communicator>)>& f);

}  // namespace papilio::test
