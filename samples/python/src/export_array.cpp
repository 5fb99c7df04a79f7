// Tensors as arrays of other libraries.
#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "samples/python/src/dlpack.h"
#include "samples/python/src/interchange.h"
#include "samples/python/src/read_only.h"
#include "samples/python/src/streams.h"
#include "samples/python/src/unlocked.h"
#include "tensor/copy.h"
#include "tensor/device.h"
#include "tensor/error.h"

namespace nb = nanobind;

namespace papilio::python {

namespace {

dlpack::Element element_of(DType dtype) {
  const auto bits = uint8_t(8 * size_of(dtype));
  switch (dtype) {
    case DType::float32:
    case DType::float64:
    case DType::float16:
      return {dlpack::kFloat, bits, 1};
    case DType::bfloat16:
      return {dlpack::kBfloat, bits, 1};
    case DType::int64:
    case DType::int32:
      return {dlpack::kInt, bits, 1};
    case DType::uint8:
      return {dlpack::kUInt, bits, 1};
    case DType::boolean:
      return {dlpack::kBool, bits, 1};
  }
  return {};
}

// A tensor that a capsule holds, with the places that its structure points to.
template <class M>
struct Holder {
  Tensor tensor;
  PeerStream consumer;
  std::vector<int64_t> shape, strides;
  M managed = {};
};

template <class M>
M* hold(const Tensor& x, const PeerStream& consumer) {
  auto* holder = new Holder<M>{
      x, consumer, {x.shape().begin(), x.shape().end()}, {x.strides().begin(), x.strides().end()}};
  const bool cpu = x.device().is_cpu();
  holder->managed.array = {x.raw_data(),
                           cpu ? dlpack::kCpu : dlpack::kCuda,
                           cpu ? 0 : x.device().index,
                           x.dim(),
                           element_of(x.dtype()),
                           holder->shape.data(),
                           holder->strides.data(),
                           0};
  holder->managed.context = holder;
  holder->managed.deleter = [](M* m) {
    auto* held = static_cast<Holder<M>*>(m->context);
    held->consumer.ours_waits_at_the_end();
    delete held;
  };
  return &holder->managed;
}

// A capsule that nobody took gives its tensor back.
template <class M>
nb::object capsule(M* managed, const char* name) {
  PyObject* made = PyCapsule_New(managed, name, [](PyObject* unused) {
    const char* own = PyCapsule_GetName(unused);
    if (own[0] == 'u') return;  // used_dltensor
    auto* held = static_cast<M*>(PyCapsule_GetPointer(unused, own));
    held->deleter(held);
  });
  if (made == nullptr) {
    managed->deleter(managed);
    nb::raise_python_error();
  }
  return nb::steal(made);
}

const char* format_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "f";
    case DType::float64:
      return "d";
    case DType::float16:
      return "e";
    case DType::bfloat16:
      return nullptr;
    case DType::int64:
      return "q";
    case DType::int32:
      return "i";
    case DType::uint8:
      return "B";
    case DType::boolean:
      return "?";
  }
  return nullptr;
}

// Why x has no buffer; null if it has one.
const char* refuses_buffer(const Tensor& x, int flags) {
  if (x.requires_grad())
    return "the tensor requires a gradient, which an array cannot keep; detach() it first";
  if (!x.device().is_cpu()) return "the tensor is on a GPU; bring it to the CPU first";
  if (format_of(x.dtype()) == nullptr)
    return "bfloat16 has no letter in Python's buffer protocol; take numpy(), which needs "
           "ml_dtypes, DLPack, or to(papilio.float32)";
  if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE && is_read_only(x.storage()))
    return "the tensor is read-only; clone() it first";
  if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !x.is_contiguous())
    return "the elements do not lie in row-major order; take contiguous()";
  return nullptr;
}

int get_buffer(PyObject* self, Py_buffer* out, int flags) {
  out->obj = nullptr;
  const Tensor& x = *nb::inst_ptr<Tensor>(nb::handle(self));
  if (const char* why = refuses_buffer(x, flags)) {
    PyErr_SetString(PyExc_BufferError, why);
    return -1;
  }
  const auto n = size_t(x.dim());
  const auto bytes = Py_ssize_t(size_of(x.dtype()));
  auto sizes = std::make_unique<Py_ssize_t[]>(2 * n + 1);
  for (size_t i = 0; i < n; ++i) {
    sizes[i] = x.shape()[int(i)];
    sizes[n + i] = x.strides()[int(i)] * bytes;
  }
  out->buf = x.raw_data();
  Py_INCREF(self);
  out->obj = self;
  out->len = x.numel() * bytes;
  out->itemsize = bytes;
  out->readonly = is_read_only(x.storage()) ? 1 : 0;
  out->ndim = int(n);
  out->format =
      (flags & PyBUF_FORMAT) == PyBUF_FORMAT ? const_cast<char*>(format_of(x.dtype())) : nullptr;
  out->shape = (flags & PyBUF_ND) == PyBUF_ND ? sizes.get() : nullptr;
  out->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? sizes.get() + n : nullptr;
  out->suboffsets = nullptr;
  out->internal = sizes.release();
  return 0;
}

void release_buffer(PyObject*, Py_buffer* buffer) {
  delete[] static_cast<Py_ssize_t*>(buffer->internal);
}

// Where the consumer wants it.
Device device_wanted(const Tensor& x, nb::handle device) {
  if (device.is_none() || device.equal(dlpack_device(x))) return x.device();
  if (!device.equal(nb::make_tuple(int(dlpack::kCpu), 0)))
    throw nb::buffer_error(str("__dlpack__: a tensor on ", x.device(),
                               " goes out there or, as a copy, on the CPU, not on DLPack's device ",
                               nb::repr(device).c_str())
                               .c_str());
  return Device::cpu();
}

}  // namespace

nb::object export_dlpack(const Tensor& x, const DlpackRequest& request) {
  if (x.requires_grad())
    throw nb::buffer_error(
        "the tensor requires a gradient, which an array cannot keep; detach() it first");
  const Device device = device_wanted(x, request.device);
  const bool moved = device != x.device(), copied = moved || request.copy.is(nb::bool_(true));
  if (moved && request.copy.is(nb::bool_(false)))
    throw nb::buffer_error(
        "__dlpack__: only a copy can be on another device; leave copy=False out");
  const bool read_only = !copied && is_read_only(x.storage());
  const bool versioned =
      !request.max_version.is_none() && nb::cast<int>(request.max_version[0]) >= 1;
  if (read_only && !versioned)
    throw nb::buffer_error("DLPack below version 1 cannot say that it is read-only");
  const PeerStream consumer("__dlpack__", device, request.stream);
  const Tensor y = copied ? unlocked(x.device(), [&] { return copy_of(x, device); }) : x;
  consumer.waits_for_ours();
  if (!versioned) return capsule(hold<dlpack::Managed>(y, consumer), "dltensor");
  auto* managed = hold<dlpack::ManagedVersioned>(y, consumer);
  managed->major = 1;
  managed->flags = (read_only ? dlpack::kReadOnly : 0) | (copied ? dlpack::kCopied : 0);
  return capsule(managed, "dltensor_versioned");
}

nb::tuple dlpack_device(const Tensor& x) {
  const bool cpu = x.device().is_cpu();
  return nb::make_tuple(int(cpu ? dlpack::kCpu : dlpack::kCuda), cpu ? 0 : x.device().index);
}

PyType_Slot buffer_slots[] = {
    {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
    {Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)},
    {0, nullptr},
};

}  // namespace papilio::python
