// What Linux says of this process's memory.
#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace papilio::test {

// A line of /proc/self/status, in bytes: VmRSS now, VmHWM the largest so far.
inline int64_t process_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t kib = 0;
    if (words >> name >> kib && name == key + ':') return 1024 * kib;
  }
  return 0;
}

// The largest so far becomes what it is now.
inline void reset_peak_bytes() {
  std::ofstream("/proc/self/clear_refs") << 5;
}

}  // namespace papilio::test
