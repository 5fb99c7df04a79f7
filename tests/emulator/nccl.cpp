#include "tests/emulator/nccl_faults.h"

#include <nccl.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernels/cuda/nccl_functions.h"
#include "kernels/cuda/runtime.h"
#include "kernels/dtype.h"
#include "kernels/error.h"
#include "tests/emulator/device.h"
#include "tests/emulator/streams.h"

using emulator::NcclFault;

namespace {

std::mutex mutex;
std::atomic<NcclFault> fault = NcclFault::none;
std::atomic<int> alive = 0;

// One sum: whose memory, until all have come; then what they will see.
struct Sum {
  std::map<int, void*> memory;  // by rank
  size_t count = 0;
  ncclDataType_t type = ncclFloat32;
  std::vector<unsigned char> result;
};

struct Group {
  size_t size = 0;
  std::set<int> ranks, devices;
  std::map<int64_t, Sum> sums;
  bool wrong = false, ended = false;
};
std::map<std::string, std::weak_ptr<Group>> groups;

size_t bytes_of(ncclDataType_t type) {
  return type == ncclFloat64 ? 8 : type == ncclFloat32 ? 4 : 2;
}

template <class T>
void add_up(Sum& sum) {
  auto* to = reinterpret_cast<T*>(sum.result.data());
  for (size_t i = 0; i < sum.count; ++i) {
    double total = 0;
    for (const auto& [rank, data] : sum.memory) total += double(static_cast<const T*>(data)[i]);
    to[i] = T(total);
  }
}

// All have come. Until a rank asks for it, its memory holds neither what it gave nor the sum.
void compute(Sum& sum) {
  const emulator::DeviceMemoryOpen open;
  sum.result.resize(sum.count * bytes_of(sum.type));
  if (sum.type == ncclFloat64)
    add_up<double>(sum);
  else if (sum.type == ncclFloat32)
    add_up<float>(sum);
  else
    add_up<papilio::BFloat16>(sum);
  for (const auto& [rank, data] : sum.memory) std::memset(data, 0xff, sum.result.size());
}

}  // namespace

struct ncclComm {
  std::shared_ptr<Group> group;
  int rank, device;
  cudaStream_t stream = nullptr;
  std::optional<Sum> next;  // not on the stream yet
  int looks = 0;            // at it
  int64_t begun = 0, seen = 0;
};

namespace {

// By the stream that each has sums on.
std::map<cudaStream_t, ncclComm*> communicators;

// Gives this rank its next sum if that is there.
bool see_next(ncclComm& c) {
  Sum& sum = c.group->sums[c.seen];
  if (sum.memory.size() < c.group->size || c.group->ended) return false;
  const emulator::DeviceMemoryOpen open;
  if (!sum.result.empty()) std::memcpy(sum.memory[c.rank], sum.result.data(), sum.result.size());
  ++c.seen;
  return true;
}

}  // namespace

namespace emulator {

void set_nccl_fault(NcclFault next) {
  fault = next;
}
int nccl_communicators() {
  return alive;
}

}  // namespace emulator

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclSystemError:
      return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    default:
      return "internal error";
  }
}

ncclResult_t ncclGetVersion(int* version) {
  *version = 22105;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  if (fault == NcclFault::id) return ncclSystemError;
  static std::atomic<int> count = 0;
  *id = {};
  const std::string text = "group " + std::to_string(++count);
  text.copy(id->internal, sizeof id->internal - 1);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* communicator, int size, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  if (config->blocking != 0) return ncclInvalidArgument;
  if (fault == NcclFault::beginning && rank == 1) return ncclSystemError;
  int device = 0;
  cudaGetDevice(&device);
  const std::lock_guard lock(mutex);
  std::shared_ptr<Group> group = groups[id.internal].lock();
  if (group == nullptr) groups[id.internal] = group = std::make_shared<Group>();
  group->size = size_t(size);
  *communicator = new ncclComm{.group = group, .rank = rank, .device = device, .next = {}};
  ++alive;
  if (fault == NcclFault::absent && rank == 1) return ncclInProgress;
  // Two ranks of one GPU are refused at all ranks, as NCCL does.
  group->wrong |= !group->ranks.insert(rank).second ||
                  !group->devices.insert(emulator::device_of_machine(device)).second;
  return ncclInProgress;
}

ncclResult_t ncclCommAbort(ncclComm_t communicator) {
  const std::lock_guard lock(mutex);
  communicator->group->ended = true;
  communicators.erase(communicator->stream);
  delete communicator;
  --alive;
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t communicator, ncclResult_t* error) {
  const std::lock_guard lock(mutex);
  ncclComm& c = *communicator;
  Group& group = *c.group;
  *error = ncclSuccess;
  if (group.wrong) {
    *error = ncclInvalidUsage;
  } else if ((fault == NcclFault::connection || group.ended) && c.seen < c.begun) {
    *error = ncclRemoteError;
  } else if (group.ranks.size() < group.size || (c.next && c.looks++ == 0)) {
    *error = ncclInProgress;
  } else if (c.next) {
    Sum& sum = group.sums[c.begun++];
    if (!sum.memory.empty() && (sum.count != c.next->count || sum.type != c.next->type)) {
      *error = ncclInvalidUsage;
      return ncclSuccess;
    }
    c.next->memory.merge(sum.memory);
    sum = *c.next;
    c.next.reset();
    emulator::ask(c.stream);
    if (sum.memory.size() == group.size) compute(sum);
  }
  return ncclSuccess;
}

// It is on the stream when the communicator is no more in progress.
ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclRedOp_t operation, ncclComm_t communicator, cudaStream_t stream) {
  int device = -1;
  cudaGetDevice(&device);
  if (from != to || operation != ncclSum) return ncclInvalidArgument;
  ncclComm& c = *communicator;
  const std::lock_guard lock(mutex);
  if (device != c.device || stream == nullptr || emulator::device_of(stream) != device || c.next ||
      c.group->ranks.size() < c.group->size)
    return ncclInvalidUsage;
  // What the device computes into `to` is there when the sum begins.
  if (!emulator::waits_for_all_of(stream, papilio::cuda::stream())) return ncclInvalidUsage;
  c.stream = stream;
  communicators[stream] = communicator;
  c.next = Sum{.memory = {{c.rank, to}}, .count = count, .type = type, .result = {}};
  c.looks = 0;
  return ncclInProgress;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const std::lock_guard lock(mutex);
  const auto found = communicators.find(event->stream);
  if (found == communicators.end()) return cudaSuccess;
  ncclComm& c = *found->second;
  while (c.seen < event->asked)
    if (!see_next(c)) return emulator::keep_error(cudaErrorNotReady);
  return cudaSuccess;
}

// All of them are in the program itself.
const papilio::cuda::NcclFunctions& papilio::cuda::nccl() {
  if (fault == NcclFault::hidden) throw Error("NCCL is not where the loader looks");
#define PAPILIO_ADDRESS(name) &::nccl##name,
  static const NcclFunctions functions{PAPILIO_NCCL_FUNCTIONS(PAPILIO_ADDRESS)};
#undef PAPILIO_ADDRESS
  return functions;
}
