// Threads, as many of those wanted as the system gives.
#pragma once

#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace papilio::nn {

// So many threads that each call work(), or fewer if the system refuses more. Throws Error that
// begins with `who` if it gives none.
std::vector<std::thread> start_threads(const char* who, int64_t count,
                                       const std::function<void()>& work);

}  // namespace papilio::nn
