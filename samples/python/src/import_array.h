// The two ways in: DLPack, and Python's buffer protocol.
#pragma once

#include <nanobind/nanobind.h>

#include <optional>

#include "tensor/device.h"
#include "tensor/tensor.h"

namespace papilio::python {

// How an array is handed over.
struct Handover {
  std::optional<bool> copy;
  nanobind::handle stream;  // what the caller says of the library's
  bool told = false;        // `__dlpack__` knows our stream
};

// A tensor of what a DLPack capsule holds, which is taken.
Tensor from_capsule(nanobind::handle capsule, const Handover& handover);
// The GPU that an array says it is on; the CPU for one that says nothing. Throws ArgumentError if
// there is no such device here.
Device device_said_by(nanobind::handle array);
// A tensor of an array on `device` with a `__dlpack__`.
Tensor from_library(nanobind::handle array, Device device, Handover handover);

// A tensor of an array with a buffer, or with the bits of one (NumPy's bfloat16).
Tensor from_buffer(nanobind::handle array, std::optional<bool> copy);

}  // namespace papilio::python
