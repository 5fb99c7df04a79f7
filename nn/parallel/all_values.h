// What ranks know, put together.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "nn/parallel/communicator.h"

namespace papilio::nn {

// All ranks' values, one rank's behind another's.
template <class T>
std::vector<T> all_values(Communicator& ranks, const std::vector<T>& own) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::string bytes(reinterpret_cast<const char*>(own.data()), own.size() * sizeof(T));
  std::vector<T> all;
  for (const std::string& theirs : ranks.all_gather(bytes)) {
    const size_t before = all.size();
    all.resize(before + theirs.size() / sizeof(T));
    std::memcpy(all.data() + before, theirs.data(), theirs.size());
  }
  return all;
}

}  // namespace papilio::nn
