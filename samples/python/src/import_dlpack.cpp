// DLPack: arrays of whoever speaks it.
#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernels/cuda_streams.h"
#include "samples/python/src/dlpack.h"
#include "samples/python/src/import_array.h"
#include "samples/python/src/lent_memory.h"
#include "samples/python/src/streams.h"
#include "tensor/error.h"
#include "tensor/layout.h"

namespace papilio::python {

namespace nb = nanobind;

namespace {

Dims row_major(const Dims& shape) {
  return Layout::contiguous(shape, "from_dlpack").strides;
}

DType dtype_of_element(const dlpack::Element& e) {
  const auto is = [&](uint8_t code, int bits) { return e.code == code && e.bits == bits; };
  if (e.lanes == 1) {
    if (is(dlpack::kFloat, 32)) return DType::float32;
    if (is(dlpack::kFloat, 64)) return DType::float64;
    if (is(dlpack::kFloat, 16)) return DType::float16;
    if (is(dlpack::kBfloat, 16)) return DType::bfloat16;
    if (is(dlpack::kInt, 64)) return DType::int64;
    if (is(dlpack::kInt, 32)) return DType::int32;
    if (is(dlpack::kUInt, 8)) return DType::uint8;
    if (is(dlpack::kBool, 8)) return DType::boolean;
  }
  const char* name = e.code == dlpack::kInt       ? "int"
                     : e.code == dlpack::kUInt    ? "uint"
                     : e.code == dlpack::kFloat   ? "float"
                     : e.code == dlpack::kComplex ? "complex"
                                                  : "a type of ";
  throw ArgumentError(
      str("from_dlpack: expected float32, float64, bfloat16, float16, int64, int32, "
          "uint8 or bool elements, got ",
          name, int(e.bits), e.lanes == 1 ? "" : " in lanes"));
}

// Throws ArgumentError if there is no such device here.
Device device_of(int32_t type, int32_t index) {
  if (type == dlpack::kCpu || type == dlpack::kCudaHost) return Device::cpu();
  check(type == dlpack::kCuda,
        "from_dlpack: expected an array in the memory of the CPU or of a CUDA device, got one on "
        "DLPack's device ",
        type, ":", index, "; bring it to the CPU first");
  check_available("from_dlpack", Device::cuda(index));
  return Device::cuda(index);
}

Described describe(const dlpack::Array& a, bool read_only) {
  check(a.ndim <= kMaxRank, "from_dlpack: tensors have at most ", kMaxRank, " dimensions, got ",
        a.ndim);
  Described d;
  d.device = device_of(a.device_type, a.device_id);
  d.dtype = dtype_of_element(a.dtype);
  d.data = static_cast<std::byte*>(a.data) + a.byte_offset;
  d.shape = Dims(a.shape, a.shape + a.ndim);
  d.strides = a.strides != nullptr ? Dims(a.strides, a.strides + a.ndim) : row_major(d.shape);
  d.aligned = reinterpret_cast<uintptr_t>(d.data) % size_of(d.dtype) == 0;
  d.read_only = read_only;
  return d;
}

template <class M>
Tensor from_managed(nb::handle capsule, const char* name, const char* used, bool read_only,
                    const Handover& handover) {
  auto* managed = static_cast<M*>(PyCapsule_GetPointer(capsule.ptr(), name));
  const Described d = describe(managed->array, read_only);
  check(d.aligned, "from_dlpack: the elements do not lie on multiples of their size");
  Lender lender{d.device, std::nullopt};
  if (!handover.told) lender.stream = PeerStream("from_dlpack", d.device, handover.stream);
  lender.lends();
  PyCapsule_SetName(capsule.ptr(), used);
  const auto release = [](M* m) {
    if (m->deleter != nullptr) m->deleter(m);
  };
  return on_memory(d, kept<M>(managed, release, lender), handover.copy);
}

// Asks for DLPack 1 first, which older libraries do not know.
nb::object dlpack_capsule(nb::handle array, const nb::dict& arguments) {
  const nb::object method = array.attr("__dlpack__");
  nb::dict with_version;
  with_version.update(arguments);
  with_version["max_version"] = nb::make_tuple(1, 0);
  try {
    return method(**with_version);
  } catch (const nb::python_error& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  return method(**arguments);
}

}  // namespace

Tensor from_capsule(nb::handle capsule, const Handover& handover) {
  if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned") != 0) {
    const auto* managed = static_cast<dlpack::ManagedVersioned*>(
        PyCapsule_GetPointer(capsule.ptr(), "dltensor_versioned"));
    check(managed->major == 1, "from_dlpack: expected DLPack 1, got version ", managed->major);
    return from_managed<dlpack::ManagedVersioned>(
        capsule, "dltensor_versioned", "used_dltensor_versioned",
        (managed->flags & dlpack::kReadOnly) != 0, handover);
  }
  check(PyCapsule_IsValid(capsule.ptr(), "dltensor") != 0,
        "from_dlpack: expected a DLPack capsule that nobody has taken yet");
  return from_managed<dlpack::Managed>(capsule, "dltensor", "used_dltensor", false, handover);
}

Device device_said_by(nb::handle array) {
  if (!nb::hasattr(array, "__dlpack_device__")) return Device::cpu();
  const nb::object said = array.attr("__dlpack_device__")();
  const auto number = [&](int i) { return nb::cast<int32_t>(nb::int_(nb::object(said[i]))); };
  return number(0) == dlpack::kCuda ? device_of(number(0), number(1)) : Device::cpu();
}

Tensor from_library(nb::handle array, Device device, Handover handover) {
  nb::dict arguments;
  if (!device.is_cpu()) {
    const bool said = handover.stream.is_valid() && !handover.stream.is_none();
    handover.told = !said;
    arguments["stream"] = said ? nb::int_(-1) : nb::int_(cuda::stream_number(device.index));
  }
  return from_capsule(dlpack_capsule(array, arguments), handover);
}

}  // namespace papilio::python
