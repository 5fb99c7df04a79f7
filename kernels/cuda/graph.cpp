#include "kernels/cuda/graph.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/cuda/runtime.h"
#include "kernels/error.h"

namespace papilio::cuda {

// One stream records, so memory that is released may serve the next allocation: whatever used it
// runs before.
struct Graph {
  explicit Graph(int d) : device(d), stream(cuda::stream()) {}

  int device;
  cudaStream_t stream;
  cudaGraphExec_t executable = nullptr;
  bool alive = true;                    // its owner has not destroyed it
  std::map<void*, size_t> used;         // blocks that tensors hold
  std::multimap<size_t, void*> unused;  // by size
  std::vector<void*> kept;              // from before the recording, released during it
  std::vector<void*> host;              // pinned copies of what the host gave
  uint64_t* shift = nullptr;            // on the device
};

namespace {

std::recursive_mutex mutex;
Graph* recorded = nullptr;       // the one being recorded
std::map<void*, Graph*> owners;  // of blocks that tensors hold
std::atomic<int> graphs = 0;     // none: release() asks nothing

void destroy_memory(Graph& g) noexcept {
  if (cudaSetDevice(g.device) != cudaSuccess) return;
  if (g.executable != nullptr) cudaGraphExecDestroy(g.executable);
  g.executable = nullptr;
  for (const auto& [size, data] : g.unused) cudaFree(data);
  for (void* data : g.host) cudaFreeHost(data);
  if (g.shift != nullptr) cudaFree(g.shift);
  g.unused.clear(), g.host.clear(), g.shift = nullptr;
  for (void* data : g.kept) release(data, g.device);
  g.kept.clear();
}

// The last block or the owner may be the last to let go.
void delete_if_unused(Graph* g) noexcept {
  if (g->alive || !g->used.empty()) return;
  destroy_memory(*g);
  delete g;
  --graphs;
}

}  // namespace

bool recording() {
  return recorded != nullptr;
}

void check_not_recording(const char* what) {
  if (recorded != nullptr)
    throw Error(std::string("cuda graph: ") + what +
                " cannot be recorded: the host waits for a value");
}

Graph* begin_recording(int device) {
  const std::lock_guard lock(mutex);
  if (recorded != nullptr) throw Error("cuda graph: another recording is in progress");
  use_device(device);
  empty_cache(device);  // the graph's memory is not the pool's
  auto* g = new Graph(device);
  ++graphs;
  try {
    check(cudaMalloc(reinterpret_cast<void**>(&g->shift), sizeof(uint64_t)), "cudaMalloc");
    check(cudaStreamBeginCapture(g->stream, cudaStreamCaptureModeRelaxed),
          "cudaStreamBeginCapture");
  } catch (...) {
    destroy_graph(g);
    throw;
  }
  recorded = g;
  return g;
}

void end_recording(Graph* g, bool keep) {
  cudaGraph_t graph = nullptr;
  recorded = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(g->stream, &graph);
  if (!keep) {
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();
    return destroy_graph(g);
  }
  try {
    check(ended, "cudaStreamEndCapture");
    const cudaError_t made = cudaGraphInstantiate(&g->executable, graph, 0);
    cudaGraphDestroy(graph);
    check(made, "cudaGraphInstantiate");
  } catch (...) {
    destroy_graph(g);
    throw;
  }
}

void launch_graph(Graph* g) {
  use_device(g->device);
  check(cudaGraphLaunch(g->executable, g->stream), "cudaGraphLaunch");
}

void destroy_graph(Graph* g) noexcept {
  const std::lock_guard lock(mutex);
  if (cudaSetDevice(g->device) == cudaSuccess) cudaStreamSynchronize(g->stream);
  g->alive = false;
  delete_if_unused(g);
}

void set_random_shift(Graph* g, uint64_t words) {
  copy_from_host(g->shift, &words, sizeof words, g->device);
}

const uint64_t* random_shift() {
  return recorded != nullptr ? recorded->shift : nullptr;
}

void* allocate_in_graph(size_t bytes, int device) {
  const std::lock_guard lock(mutex);
  Graph* g = recorded;
  if (g == nullptr) return nullptr;
  if (device != g->device) throw Error("cuda graph: one graph records one device");
  const size_t size = (bytes + 511) / 512 * 512;
  void* data = nullptr;
  if (const auto found = g->unused.find(size); found != g->unused.end()) {
    data = found->second;
    g->unused.erase(found);
  } else if (const cudaError_t status = cudaMalloc(&data, size);
             status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw_out_of_memory(bytes, device);
  } else {
    check(status, "cudaMalloc");
  }
  g->used[data] = size;
  owners[data] = g;
  return data;
}

bool release_in_graph(void* data) noexcept {
  if (graphs == 0) return false;
  const std::lock_guard lock(mutex);
  const auto owner = owners.find(data);
  if (owner == owners.end()) {
    if (recorded == nullptr) return false;
    recorded->kept.push_back(data);
    return true;
  }
  Graph* g = owner->second;
  owners.erase(owner);
  const auto block = g->used.find(data);
  g->unused.emplace(block->second, data);
  g->used.erase(block);
  delete_if_unused(g);
  return true;
}

const void* keep_in_graph(const void* data, size_t bytes) {
  const std::lock_guard lock(mutex);
  if (recorded == nullptr) return nullptr;
  void* copy = nullptr;
  check(cudaMallocHost(&copy, bytes), "cudaMallocHost");
  recorded->host.push_back(copy);
  std::memcpy(copy, data, bytes);
  return copy;
}

}  // namespace papilio::cuda
