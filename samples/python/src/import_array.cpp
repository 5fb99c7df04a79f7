// Arrays of other libraries as tensors.
#include "samples/python/src/import_array.h"

#include <nanobind/nanobind.h>

#include <optional>

#include "samples/python/src/interchange.h"
#include "samples/python/src/streams.h"
#include "tensor/error.h"

namespace papilio::python {

namespace nb = nanobind;

bool is_array(nb::handle object) {
  return PyObject_CheckBuffer(object.ptr()) != 0 || PyCapsule_CheckExact(object.ptr()) != 0 ||
         nb::hasattr(object, "__dlpack__");
}

Tensor import_array(nb::handle array, std::optional<bool> copy, nb::handle stream) {
  const Handover handover{copy, stream};
  if (PyCapsule_CheckExact(array.ptr()) != 0) return from_capsule(array, handover);
  const Device device = device_said_by(array);
  if (!device.is_cpu()) return from_library(array, device, handover);
  PeerStream("from_dlpack", device, stream);  // which there is none of here
  if (PyObject_CheckBuffer(array.ptr()) != 0) return from_buffer(array, copy);
  if (nb::hasattr(array, "__dlpack__")) return from_library(array, device, handover);
  throw nb::type_error(str("asarray: expected an array with __dlpack__ or a buffer, got ",
                           nb::type_name(array.type()).c_str())
                           .c_str());
}

}  // namespace papilio::python
