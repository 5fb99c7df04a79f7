// Memory that belongs to an array of another library, as a tensor.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <memory>
#include <optional>

#include "samples/python/src/streams.h"
#include "samples/python/src/unlocked.h"
#include "tensor/device.h"
#include "tensor/dims.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

namespace papilio::python {

// What an array says of itself.
struct Described {
  std::byte* data = nullptr;
  Device device;
  DType dtype = DType::float32;
  Dims shape, strides;  // in elements
  bool aligned = true;  // on whole elements
  bool read_only = false;
};

// Whose memory it is: on a GPU the library's stream, or none if `__dlpack__` was told ours.
struct Lender {
  Device device;
  std::optional<PeerStream> stream;

  // Our stream waits for the library's.
  void lends() const;
  // The library's stream waits for ours; without one the host does, and then the library may do
  // with the memory what it likes.
  void gets_back() const noexcept;
};

// Keeps the array until the tensor's memory goes, which may be on any thread. With the interpreter
// gone there is nothing left to tell.
template <class T>
std::shared_ptr<void> kept(T* array, void (*release)(T*), const Lender& lender) {
  return {array, [release, lender](void* owned) {
            if (!Py_IsInitialized()) return lender.gets_back();
            const nanobind::gil_scoped_acquire lock;
            unlocked(lender.device, [&] { lender.gets_back(); });
            release(static_cast<T*>(owned));
          }};
}

// The elements at their place, from the lowest address that any of them has; `copy` as in
// import_array. Reversed dimensions (negative strides) are turned round in a copy.
Tensor on_memory(Described d, std::shared_ptr<void> owner, std::optional<bool> copy);

}  // namespace papilio::python
