#include "tensor/device.h"

#include "tensor/error.h"

namespace papilio {

std::ostream& operator<<(std::ostream& out, const Device& device) {
  if (device.is_cpu()) return out << "cpu";
  return out << "cuda:" << device.index;
}

void check_available(const char* operation, Device device) {
  check(device.is_cpu(), operation, ": device ", device,
        " is not available: this build of Papilio has no CUDA backend");
}

}  // namespace papilio
