// What operations ask of a CUDA graph that is being recorded (kernels/cuda_graph.h).
#pragma once

#include "tensor/device.h"

namespace papilio {

// Whether what is asked of the device is recorded and not done: the host sees no value of it.
bool is_recording(Device device);

}  // namespace papilio
