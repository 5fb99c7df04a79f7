// Where a tensor's memory lies.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>

namespace papilio {

struct Device {
  enum class Type : uint8_t { cpu, cuda };
  Type type = Type::cpu;
  int index = 0;

  // The CPU, or the GPU of that index.
  static Device cpu() { return {}; }
  static Device cuda(int index = 0) { return {Type::cuda, index}; }
  // On the CPU?
  bool is_cpu() const { return type == Type::cpu; }
  bool operator==(const Device&) const = default;
};

// "cpu", "cuda:0"
std::ostream& operator<<(std::ostream& out, const Device& device);

// GPUs that this build and this machine can use.
int cuda_device_count();
// Throws ArgumentError if this build or this machine cannot use the device.
void check_available(const char* operation, Device device);
// Waits until the device has finished; throws what went wrong there. Nothing to do on the CPU.
void synchronize(Device device);

}  // namespace papilio
