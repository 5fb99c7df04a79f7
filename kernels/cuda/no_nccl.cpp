// Stands in for nccl.cpp if CUDA or NCCL's header is missing.
#include <cstdint>
#include <string>

#include "kernels/error.h"
#include "kernels/nccl.h"

namespace papilio::cuda {

namespace {

[[noreturn]] void throw_none() {
  throw Error(why_no_nccl());
}

}  // namespace

std::string why_no_nccl() {
  return "this build of Papilio has no NCCL: build it with -Dnccl=enabled, which needs nvcc and "
         "nccl.h of 2.14 or newer";
}

std::string nccl_version() {
  throw_none();
}

NcclId make_nccl_id() {
  throw_none();
}

std::string pci_bus_id(int) {
  throw_none();
}

NcclCommunicator* nccl_init(const NcclId&, int, int, int) {
  throw_none();
}

bool nccl_ready(NcclCommunicator*) {
  throw_none();
}

void nccl_abort(NcclCommunicator*) noexcept {}  // nobody ever began one

int64_t nccl_all_reduce(NcclCommunicator*, void*, int64_t, DType) {
  throw_none();
}

bool nccl_test(NcclCommunicator*, int64_t) {
  throw_none();
}

}  // namespace papilio::cuda
