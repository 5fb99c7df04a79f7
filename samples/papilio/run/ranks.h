// The processes that a launcher (mpirun, srun) started for one run. Rank 0 speaks and writes; what
// the others would print vanishes, but for the reason why one of them ends.
#pragma once

#include <string>
#include <vector>

#include "nn/parallel/communicator.h"

namespace papilio::cli {

// The place of this process: rank 0 of 1 if no launcher started it.
nn::Communicator& ranks();
// Does this one write?
bool is_first_rank();

// For main, before anything is said: of several processes the first speaks.
void find_rank();
// Then: begins them if a launcher did. Throws UsageError for several processes of a command that is
// not one of the `shared`, RankError if they run different ones or cannot reach each other.
void begin_ranks(const std::string& command, const std::vector<std::string>& shared);
// Called after a good end, whatever the exit code: returns when all ranks have come to theirs.
void end_ranks();
// Called after an error: says it, once, and ends all ranks with the code. Without other ranks it
// says it and returns the code.
int fail_ranks(const std::string& who, const std::string& reason, int code);

// Before the run, with the device that this rank computes on and the seconds that another may come
// later: sums of gradients stay on the GPUs if all ranks have one of their own, and NCCL.
void join_gpus(Device device, double patience);

// "4 ranks on 2 hosts (a, b), 1 thread each, Open MPI v4.1.4"
std::string ranks_text();

}  // namespace papilio::cli
