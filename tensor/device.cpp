#include "tensor/device.h"

#include "kernels/cuda.h"
#include "tensor/error.h"

namespace papilio {

std::ostream& operator<<(std::ostream& out, const Device& device) {
  if (device.is_cpu()) return out << "cpu";
  return out << "cuda:" << device.index;
}

int cuda_device_count() {
  return cuda::device_count();
}

void check_available(const char* operation, Device device) {
  if (device.is_cpu()) return;
  check(cuda::is_built(), operation, ": device ", device,
        " is not available: this build of Papilio has no CUDA backend; configure it with "
        "-Dcuda=enabled, which needs nvcc");
  const int count = cuda_device_count();
  check(device.index >= 0 && device.index < count, operation, ": device ", device,
        " is not available: this machine has ", count, count == 1 ? " GPU" : " GPUs");
}

void synchronize(Device device) {
  check_available("synchronize", device);
  if (!device.is_cpu()) cuda::synchronize(device.index);
}

}  // namespace papilio
