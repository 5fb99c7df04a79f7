// Arrays of other libraries in, tensors out: DLPack and Python's buffer protocol.
#pragma once

#include <nanobind/nanobind.h>

#include <optional>

#include "tensor/tensor.h"

namespace papilio::python {

// A tensor of the array's elements: the same memory if its dtype, byte order, alignment and strides
// allow (`copy` true: never; false: else an error). Read-only arrays make tensors that may not be
// written. On a GPU our work begins after the library's: `__dlpack__` is told our stream, and the
// host waits when the memory goes back; or, if `stream` says which one the library uses
// (samples/python/src/streams.h; of a bare capsule None is the legacy default stream), both wait
// for each other there. What `__dlpack__` or the buffer protocol say against it is thrown on;
// ArgumentError for a dtype or a device that there is not here.
Tensor import_array(nanobind::handle array, std::optional<bool> copy, nanobind::handle stream = {});

// Has it a `__dlpack__`, or a buffer?
bool is_array(nanobind::handle object);

// What is asked of `__dlpack__`, as the array API has it.
struct DlpackRequest {
  nanobind::handle stream, max_version, device, copy;
};
// A DLPack capsule of x's memory, or of a copy of it. On a GPU the consumer's stream waits for
// ours, and ours for it when the memory comes back. Throws BufferError for a tensor that requires a
// gradient, one that is read-only if DLPack 1 is not asked for, and another device than x's and the
// CPU.
nanobind::object export_dlpack(const Tensor& x, const DlpackRequest& request);
// DLPack's (device type, number).
nanobind::tuple dlpack_device(const Tensor& x);

// The slots of the type Tensor for the buffer protocol.
extern PyType_Slot buffer_slots[];

}  // namespace papilio::python
