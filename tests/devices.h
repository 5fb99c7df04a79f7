// Where a test runs.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "tensor/device.h"

namespace papilio::test {

// The CPU, and the GPU (or the emulator's) if there is one. PAPILIO_TEST_DEVICE, "cpu" or
// "cuda", leaves the other one out.
inline std::vector<Device> devices() {
  const char* value = std::getenv("PAPILIO_TEST_DEVICE");
  const std::string only = value == nullptr ? "" : value;
  std::vector<Device> result;
  if (only != "cuda") result.push_back(Device::cpu());
  if (only != "cpu" && cuda_device_count() > 0) result.push_back(Device::cuda());
  return result;
}

// Tests of what only a device does are passed over without one.
inline bool no_device() {
  return cuda_device_count() == 0;
}

}  // namespace papilio::test
