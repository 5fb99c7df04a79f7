#include "tests/emulator/graph.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "tests/emulator/device.h"
#include "tests/emulator/streams.h"

struct EmulatedGraph {
  std::vector<std::function<cudaError_t()>> work;
};

namespace emulator {
namespace {

EmulatedGraph* recorded = nullptr;

}  // namespace

cudaError_t perform(std::function<cudaError_t()> work) {
  if (recorded == nullptr) return work();
  recorded->work.push_back(std::move(work));
  return cudaSuccess;
}

cudaError_t not_in_a_graph() {
  return recorded == nullptr ? cudaSuccess : keep_error(cudaErrorStreamCaptureUnsupported);
}

}  // namespace emulator

using emulator::keep_error;
using emulator::recorded;

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  if (recorded != nullptr) return keep_error(cudaErrorStreamCaptureUnsupported);
  recorded = new EmulatedGraph;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  *graph = std::exchange(recorded, nullptr);
  return *graph != nullptr ? cudaSuccess : keep_error(cudaErrorInvalidValue);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, uint64_t) {
  *executable = new EmulatedGraph(*graph);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  emulator::ask(stream);
  for (const auto& work : executable->work)
    if (const cudaError_t status = work(); status != cudaSuccess) return status;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}
