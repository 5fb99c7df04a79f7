#include "tensor/device_named.h"

#include <charconv>
#include <system_error>

#include "tensor/error.h"

namespace papilio {

Device device_named(const char* operation, const std::string& name) {
  Device device = name == "cpu" ? Device::cpu() : Device::cuda();
  bool known = name == "cpu" || name == "cuda";
  if (name.starts_with("cuda:")) {
    const char *begin = name.data() + 5, *end = name.data() + name.size();
    const auto [at, error] = std::from_chars(begin, end, device.index);
    known = error == std::errc() && at == end && device.index >= 0;
  }
  check(known, operation, ": expected cpu, cuda or cuda:N, got \"", name, '"');
  check_available(operation, device);
  return device;
}

}  // namespace papilio
