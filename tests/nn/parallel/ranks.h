// The ranks that a test runs on: those of the launcher that started the test program, else one.
#pragma once

#include "nn/parallel/communicator.h"

namespace papilio::test {

// Begun when it is first asked for, ended with the program.
nn::Communicator& ranks();
// The CPU; with PAPILIO_TEST_DEVICE=cuda this rank's GPU, and ranks() have NCCL if they can.
Device rank_device();

}  // namespace papilio::test
