// The memory of a picture's values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <vector>

#include "tensor/storage.h"

namespace papilio::nn {

// An allocator (std::allocator's requirements) that takes 32 KiB to 4 MiB from the tensors' cache:
// mapped anew for each picture, memory took a third of the time in which pictures are read. Larger
// ones, of which each may have another size, are left to operator new; so are all under
// AddressSanitizer, which sees an overrun to the byte there.
template <class T>
struct CachedMemory {
  using value_type = T;

  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

  // Whether the cache serves so many bytes.
  static bool is_cached([[maybe_unused]] size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
    return false;
#else
    return bytes >= size_t(1) << 15 && bytes <= size_t(1) << 22;
#endif
  }

  CachedMemory() = default;
  template <class U>
  CachedMemory(const CachedMemory<U>&) {}

  // `count` uninitialised values. Throws std::bad_alloc.
  T* allocate(size_t count) {
    if (count > std::numeric_limits<size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    const size_t bytes = count * sizeof(T);
    return static_cast<T*>(is_cached(bytes) ? take_block(bytes) : ::operator new(bytes));
  }
  // Back with the same count.
  void deallocate(T* memory, size_t count) noexcept {
    const size_t bytes = count * sizeof(T);
    if (is_cached(bytes))
      give_block(memory, bytes);
    else
      ::operator delete(memory);
  }
  bool operator==(const CachedMemory&) const = default;
};

// 8-bit values of a picture.
using Pixels = std::vector<uint8_t, CachedMemory<uint8_t>>;

}  // namespace papilio::nn
