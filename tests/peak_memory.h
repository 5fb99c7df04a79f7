// How much memory of its own a process has touched meanwhile.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

#include "tests/sanitizers.h"

namespace papilio::test {

class PeakMemory {
 public:
  // Forgets earlier peaks if Linux allows it.
  PeakMemory() {
    std::ofstream("/proc/self/clear_refs") << "5\n";
    before_ = highest();
  }
  // Since then, in MiB; 0 beside AddressSanitizer, which touches notes on what is only reserved.
  int64_t grown() const { return kAddressSanitizer ? 0 : highest() - before_; }

 private:
  static int64_t highest() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      int64_t kib = 0;
      if (word == "VmHWM:" && status >> kib) return kib / 1024;
    }
    return 0;
  }

  int64_t before_ = 0;
};

}  // namespace papilio::test
