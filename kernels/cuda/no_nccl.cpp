// Stands in for nccl.cpp where CUDA or NCCL's header is missing.
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
         "nccl.h";
}

std::string nccl_version() {
  throw_none();
}

NcclId make_nccl_id() {
  throw_none();
}

NcclGroup* join_nccl(const NcclId&, int, int, int) {
  throw_none();
}

void leave_nccl(NcclGroup*) noexcept {}  // nobody ever joined one

int64_t nccl_sum(NcclGroup*, void*, int64_t, DType) {
  throw_none();
}

bool nccl_has(NcclGroup*, int64_t) {
  throw_none();
}

}  // namespace papilio::cuda
