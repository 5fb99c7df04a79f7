#include "tests/emulator/nccl_faults.h"

#include <nccl.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cuda/nccl_functions.h"
#include "kernels/dtype.h"
#include "kernels/error.h"
#include "tests/emulator/device.h"

namespace {

std::mutex mutex;
std::condition_variable changed;
std::atomic<bool> hidden = false, broken = false;
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
  bool wrong = false;
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
  int64_t begun = 0, seen = 0;
};

namespace {

// The communicators of each thread; destroyed after all that main's thread may still have.
std::map<std::thread::id, std::vector<ncclComm*>> communicators;

// Gives this rank its next sum if that is there.
bool see_next(ncclComm& c) {
  Sum& sum = c.group->sums[c.seen];
  if (sum.memory.size() < c.group->size) return false;
  const emulator::DeviceMemoryOpen open;
  if (!sum.result.empty()) std::memcpy(sum.memory[c.rank], sum.result.data(), sum.result.size());
  ++c.seen;
  return true;
}

}  // namespace

namespace emulator {

void hide_nccl(bool is_hidden) {
  hidden = is_hidden;
}
void break_nccl(bool is_broken) {
  broken = is_broken;
}
int nccl_communicators() {
  return alive;
}

}  // namespace emulator

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
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
  static std::atomic<int> count = 0;
  *id = {};
  const std::string text = "group " + std::to_string(++count);
  text.copy(id->internal, sizeof id->internal - 1);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* communicator, int size, ncclUniqueId id, int rank) {
  int device = 0;
  cudaGetDevice(&device);
  std::unique_lock lock(mutex);
  std::shared_ptr<Group> group = groups[id.internal].lock();
  if (group == nullptr) groups[id.internal] = group = std::make_shared<Group>();
  group->size = size_t(size);
  // Two ranks of one GPU are refused at all ranks, as NCCL does.
  group->wrong |= !group->ranks.insert(rank).second || !group->devices.insert(device).second;
  changed.notify_all();
  if (!changed.wait_for(lock, std::chrono::seconds(10),
                        [&] { return group->wrong || group->ranks.size() == group->size; }))
    return ncclSystemError;
  if (group->wrong) return ncclInvalidUsage;
  *communicator = new ncclComm{group, rank, device};
  communicators[std::this_thread::get_id()].push_back(*communicator);
  ++alive;
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t communicator) {
  const std::lock_guard lock(mutex);
  for (auto& [thread, own] : communicators) std::erase(own, communicator);
  delete communicator;
  --alive;
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t, ncclResult_t* error) {
  *error = broken ? ncclRemoteError : ncclSuccess;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclRedOp_t operation, ncclComm_t communicator, cudaStream_t stream) {
  int device = -1;
  cudaGetDevice(&device);
  if (from != to || operation != ncclSum) return ncclInvalidArgument;
  if (device != communicator->device || stream == nullptr ||
      emulator::device_of(stream) != communicator->device)
    return ncclInvalidUsage;
  const std::lock_guard lock(mutex);
  Group& group = *communicator->group;
  Sum& sum = group.sums[communicator->begun++];
  if (!sum.memory.empty() && (sum.count != count || sum.type != type)) return ncclInvalidUsage;
  sum.count = count;
  sum.type = type;
  sum.memory[communicator->rank] = to;
  if (sum.memory.size() == group.size) compute(sum);
  return ncclSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t) {
  const std::lock_guard lock(mutex);
  for (ncclComm* c : communicators[std::this_thread::get_id()])
    while (c->seen < c->begun)
      if (!see_next(*c)) return emulator::keep_error(cudaErrorNotReady);
  return cudaSuccess;
}

// All of them are in the program itself.
const papilio::cuda::NcclFunctions& papilio::cuda::nccl() {
  if (hidden) throw Error("NCCL is not where the loader looks");
#define PAPILIO_ADDRESS(name) &::nccl##name,
  static const NcclFunctions functions{PAPILIO_NCCL_FUNCTIONS(PAPILIO_ADDRESS)};
#undef PAPILIO_ADDRESS
  return functions;
}
