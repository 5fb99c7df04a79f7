// Arrays of other libraries in, tensors out: DLPack and Python's buffer protocol.
#pragma once

#include <nanobind/nanobind.h>

#include <optional>

#include "tensor/tensor.h"

namespace papilio::python {

// A tensor of the array's elements: the same memory if its dtype, byte order, alignment and strides
// allow (`copy` true: never; false: else an error). Read-only arrays make tensors that may not be
// written. What `__dlpack__` or the buffer protocol say against it is thrown on; ArgumentError for
// a dtype or a device that there is not here.
Tensor import_array(nanobind::handle array, std::optional<bool> copy);

// Has it a `__dlpack__`, or a buffer?
bool is_array(nanobind::handle object);

// A DLPack capsule of x's memory; `versioned` can say that it is read-only. Throws BufferError for
// a tensor that requires a gradient.
nanobind::object export_dlpack(const Tensor& x, bool versioned);
// DLPack's (device type, number).
nanobind::tuple dlpack_device(const Tensor& x);

// The slots of the type Tensor for the buffer protocol.
extern PyType_Slot buffer_slots[];

}  // namespace papilio::python
