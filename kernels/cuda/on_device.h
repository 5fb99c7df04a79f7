// The device in use, for a while another one.
#pragma once

#include "kernels/cuda/runtime.h"

namespace papilio::cuda {

// Makes a device the one in use while it lives.
class OnDevice {
 public:
  explicit OnDevice(int index) : before_(device_in_use()) {
    if (index != before_) use_device(index);
  }
  ~OnDevice() { cudaSetDevice(before_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_;
};

}  // namespace papilio::cuda
