#include "tensor/recording.h"

#include "kernels/cuda_graph.h"

namespace papilio {

bool is_recording(Device device) {
  return !device.is_cpu() && cuda::recording();
}

}  // namespace papilio
