// Ranks that a launcher (mpirun, srun) started, through MPI.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "nn/parallel/communicator.h"

namespace papilio::nn {

// How a launcher started this process, as its environment tells it.
struct Launch {
  std::string launcher;  // "Open MPI's mpirun", "MPICH's mpiexec", ...
  int rank = 0, size = 1;
  int local_rank = 0;  // among those of this host, if the launcher says it
};
// Nothing if no launcher did.
std::optional<Launch> find_launch();
// Each rank of a host takes the next of its GPUs, the first without a launcher. There is one.
Device gpu_of(const std::optional<Launch>& launch);

// Begins MPI, which a thread of its own serves from then on: it carries exchanges on while the
// caller computes, and answers the others. Throws RankError if this build has no MPI, if MPI cannot
// be loaded, or if it is not the launcher's. patience: Communicator::set_patience's.
std::unique_ptr<Communicator> mpi(const Launch& launch, double patience = 60);

}  // namespace papilio::nn
