#include "nn/data/detail/start_threads.h"

#include <cstddef>
#include <new>
#include <system_error>

#include "tensor/error.h"

namespace papilio::nn {

std::vector<std::thread> start_threads(const char* who, int64_t count,
                                       const std::function<void()>& work) {
  std::vector<std::thread> threads;
  threads.reserve(size_t(count));
  try {
    while (int64_t(threads.size()) < count) threads.emplace_back(work);
  } catch (const std::system_error& e) {
    check<Error>(!threads.empty(), who, ": the system starts no thread: ", e.code().message());
  } catch (const std::bad_alloc&) {
    if (threads.empty()) throw;
  }
  return threads;
}

}  // namespace papilio::nn
