// For tests of power cuts and full disks.
#pragma once

#include <functional>
#include <string_view>

namespace papilio {

// Called before each step ("open", "write", "sync", "rename", "sync folder") of every AtomicFile. A
// returned errno makes the step fail with it, 0 lets it happen. An empty function turns it off.
void set_file_fault(std::function<int(std::string_view step)> fault);

}  // namespace papilio
