#include "kernels/nccl.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "kernels/cuda/nccl_functions.h"
#include "kernels/cuda/runtime.h"
#include "kernels/error.h"

namespace papilio::cuda {

// A stream of its own, so that the GPU goes on computing; of each sum that may still run its end.
struct NcclGroup {
  int device = 0;
  ncclComm_t communicator = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t computed = nullptr;  // what the next sum waits for
  std::deque<cudaEvent_t> ends;
  int64_t begun = 0, done = 0;
};

namespace {

void check_nccl(ncclResult_t status, const char* what) {
  if (status != ncclSuccess)
    throw Error(std::string("NCCL: ") + what + ": " + nccl().GetErrorString(status));
}

ncclDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return ncclFloat32;
    case DType::float64:
      return ncclFloat64;
    case DType::bfloat16:
      return ncclBfloat16;
    default:
      throw Error("NCCL: expected sums of float32, float64 or bfloat16");
  }
}

cudaEvent_t new_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  return event;
}

}  // namespace

std::string why_no_nccl() {
  try {
    nccl();
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

std::string nccl_version() {
  int number = 0;  // 22105, and before 2.9 2804
  check_nccl(nccl().GetVersion(&number), "its version");
  const int major = number < 10000 ? 1000 : 10000;
  return "NCCL " + std::to_string(number / major) + '.' + std::to_string(number % major / 100) +
         '.' + std::to_string(number % 100);
}

NcclId make_nccl_id() {
  ncclUniqueId id;
  static_assert(sizeof id.internal == sizeof(NcclId));
  check_nccl(nccl().GetUniqueId(&id), "an id");
  NcclId bytes;
  std::copy_n(id.internal, bytes.size(), bytes.begin());
  return bytes;
}

NcclGroup* join_nccl(const NcclId& id, int size, int rank, int device) {
  use_device(device);
  auto group = std::make_unique<NcclGroup>();
  group->device = device;
  check(cudaStreamCreateWithFlags(&group->stream, cudaStreamNonBlocking),
        "cudaStreamCreateWithFlags");
  group->computed = new_event();
  ncclUniqueId all;
  std::ranges::copy(id, all.internal);
  check_nccl(nccl().CommInitRank(&group->communicator, size, all, rank), "the beginning");
  return group.release();
}

void leave_nccl(NcclGroup* group) noexcept {
  if (group == nullptr) return;
  cudaSetDevice(group->device);
  nccl().CommAbort(group->communicator);
  for (cudaEvent_t end : group->ends) cudaEventDestroy(end);
  cudaEventDestroy(group->computed);
  cudaStreamDestroy(group->stream);
  delete group;
}

int64_t nccl_sum(NcclGroup* group, void* data, int64_t count, DType dtype) {
  use_device(group->device);
  check(cudaEventRecord(group->computed, stream()), "cudaEventRecord");
  check(cudaStreamWaitEvent(group->stream, group->computed, 0), "cudaStreamWaitEvent");
  check_nccl(nccl().AllReduce(data, data, size_t(count), type_of(dtype), ncclSum,
                              group->communicator, group->stream),
             "a sum");
  group->ends.push_back(new_event());
  check(cudaEventRecord(group->ends.back(), group->stream), "cudaEventRecord");
  return ++group->begun;
}

bool nccl_has(NcclGroup* group, int64_t n) {
  use_device(group->device);
  for (; group->done < n; ++group->done) {
    const cudaError_t status = cudaEventQuery(group->ends.front());
    if (status == cudaErrorNotReady) {
      cudaGetLastError();
      ncclResult_t found = ncclSuccess;
      check_nccl(nccl().CommGetAsyncError(group->communicator, &found), "a sum");
      check_nccl(found, "a sum");
      return false;
    }
    check(status, "a sum of NCCL");
    cudaEventDestroy(group->ends.front());
    group->ends.pop_front();
  }
  return true;
}

}  // namespace papilio::cuda
