#include "tensor/device.h"

#include "kernels/cuda.h"
#include "tensor/error.h"

namespace papilio {

std::ostream& operator<<(std::ostream& out, const Device& device) {
  if (device.is_cpu()) return out << "cpu";
  return out << "cuda:" << device.index;
}

int cuda_device_count() {
  // The address is null where the backend is not linked in (kernels/host_device.h).
  return cuda::device_count == nullptr ? 0 : cuda::device_count();
}

void check_available(const char* operation, Device device) {
  if (device.is_cpu()) return;
  check(cuda::device_count != nullptr, operation, ": device ", device,
        " is not available: this build of Papilio has no CUDA backend");
  const int count = cuda_device_count();
  check(device.index >= 0 && device.index < count, operation, ": device ", device,
        " is not available: this machine has ", count, count == 1 ? " GPU" : " GPUs");
}

void synchronize(Device device) {
  check_available("synchronize", device);
  if (!device.is_cpu()) cuda::synchronize(device.index);
}

}  // namespace papilio
