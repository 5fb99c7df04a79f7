// Sums over the GPUs of several processes, by NCCL, beside what the GPU computes. The library is
// loaded when it is first asked for. Failures throw Error.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "kernels/dtype.h"

namespace papilio::cuda {

// Why there are none, "" if there are: a build without NCCL's header, or no library where the
// loader looks.
std::string why_no_nccl();
// "NCCL 2.21.5"
std::string nccl_version();
// A GPU's PCI bus id, by which NCCL refuses two ranks on one GPU: index 0 may be another GPU in
// each process.
std::string pci_bus_id(int device);

// What all processes of a communicator must know: one of them makes it.
using NcclId = std::array<char, 128>;
NcclId make_nccl_id();

// `size` processes, each with a GPU of its own. Nothing here waits for the others.
struct NcclCommunicator;
// Begins to join: nccl_ready() says when all have come.
NcclCommunicator* nccl_init(const NcclId& id, int size, int rank, int device);
// Whether what was begun last, the joining or a sum, needs the host no more. Nothing else can be
// begun before.
bool nccl_ready(NcclCommunicator* communicator);
void nccl_abort(NcclCommunicator* communicator) noexcept;
// Begins data = the sum of all processes' data, of float32, float64 or bfloat16, when this GPU has
// done what it was asked for so far. All call it in the same order. The memory stays until the sum
// is there; it is the communicator's n-th, counted from 1, which is returned.
int64_t nccl_all_reduce(NcclCommunicator* communicator, void* data, int64_t count, DType dtype);
// Whether the n-th sum, and so all before it, are there: work that is launched now sees them.
bool nccl_test(NcclCommunicator* communicator, int64_t n);

}  // namespace papilio::cuda
