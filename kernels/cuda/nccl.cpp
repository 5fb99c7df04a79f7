#include "kernels/nccl.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "kernels/cuda/nccl_functions.h"
#include "kernels/cuda/runtime.h"
#include "kernels/error.h"

namespace papilio::cuda {

namespace {

void check_nccl(ncclResult_t status, const char* what) {
  if (status != ncclSuccess)
    throw Error(std::string("NCCL: ") + what + ": " + nccl().GetErrorString(status));
}

// The status of a call that may go on: the communicator's state says how it ends.
void check_begun(ncclResult_t status, const char* what) {
  if (status != ncclInProgress) check_nccl(status, what);
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

// A stream of its own, so that the GPU goes on computing; of each sum that may still run its end.
struct NcclCommunicator {
  const int device;
  ncclComm_t communicator = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t computed = nullptr;  // what the next sum waits for
  std::deque<cudaEvent_t> ends;
  int64_t begun = 0, on_stream = 0, done = 0;

  explicit NcclCommunicator(int gpu) : device(gpu) {}
  ~NcclCommunicator() {
    cudaSetDevice(device);
    if (communicator != nullptr) nccl().CommAbort(communicator);
    for (cudaEvent_t end : ends) cudaEventDestroy(end);
    if (computed != nullptr) cudaEventDestroy(computed);
    if (stream != nullptr) cudaStreamDestroy(stream);
  }
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;

  const char* what() const { return begun == 0 ? "the beginning" : "a sum"; }
  // Whether nothing goes on at the host; throws what went wrong.
  bool is_idle() const {
    ncclResult_t state = ncclSuccess;
    check_nccl(nccl().CommGetAsyncError(communicator, &state), what());
    check_begun(state, what());
    return state == ncclSuccess;
  }
};

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

std::string pci_bus_id(int device) {
  std::array<char, 32> text{};
  check(cudaDeviceGetPCIBusId(text.data(), int(text.size()), device), "cudaDeviceGetPCIBusId");
  return text.data();
}

NcclCommunicator* nccl_init(const NcclId& id, int size, int rank, int device) {
  use_device(device);
  auto joining = std::make_unique<NcclCommunicator>(device);
  check(cudaStreamCreateWithFlags(&joining->stream, cudaStreamNonBlocking),
        "cudaStreamCreateWithFlags");
  joining->computed = new_event();
  ncclUniqueId all;
  std::ranges::copy(id, all.internal);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  check_begun(nccl().CommInitRankConfig(&joining->communicator, size, all, rank, &config),
              joining->what());
  return joining.release();
}

bool nccl_ready(NcclCommunicator* c) {
  use_device(c->device);
  if (!c->is_idle()) return false;
  if (c->on_stream == c->begun) return true;
  c->ends.push_back(new_event());
  check(cudaEventRecord(c->ends.back(), c->stream), "cudaEventRecord");
  ++c->on_stream;
  return true;
}

void nccl_abort(NcclCommunicator* c) noexcept {
  delete c;
}

int64_t nccl_all_reduce(NcclCommunicator* c, void* data, int64_t count, DType dtype) {
  use_device(c->device);
  const ncclDataType_t type = type_of(dtype);
  check(cudaEventRecord(c->computed, stream()), "cudaEventRecord");
  check(cudaStreamWaitEvent(c->stream, c->computed, 0), "cudaStreamWaitEvent");
  check_begun(
      nccl().AllReduce(data, data, size_t(count), type, ncclSum, c->communicator, c->stream),
      "a sum");
  return ++c->begun;
}

bool nccl_test(NcclCommunicator* c, int64_t n) {
  use_device(c->device);
  for (; c->done < n; ++c->done) {
    if (c->ends.empty()) return false;
    const cudaError_t status = cudaEventQuery(c->ends.front());
    if (status == cudaErrorNotReady) {
      cudaGetLastError();
      c->is_idle();
      return false;
    }
    check(status, "a sum of NCCL");
    cudaEventDestroy(c->ends.front());
    c->ends.pop_front();
  }
  return true;
}

}  // namespace papilio::cuda
