// Arrays of other libraries as tensors.
#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "autograd/ops/shape.h"
#include "samples/python/src/bindings.h"
#include "samples/python/src/dlpack.h"
#include "samples/python/src/interchange.h"
#include "samples/python/src/read_only.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::python {

namespace {

// What an array says of itself.
struct Described {
  std::byte* data = nullptr;
  DType dtype = DType::float32;
  Dims shape, strides;  // in elements
  bool aligned = true;  // on whole elements
  bool read_only = false;
};

// Keeps the array until the tensor's memory goes, which may be on any thread. With the interpreter
// gone there is nothing left to tell.
template <class T>
std::shared_ptr<void> kept(T* array, void (*release)(T*)) {
  return {array, [release](void* owned) {
            if (!Py_IsInitialized()) return;
            const nb::gil_scoped_acquire lock;
            release(static_cast<T*>(owned));
          }};
}

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

Described describe(const dlpack::Array& a, bool read_only) {
  check(a.device_type == dlpack::kCpu || a.device_type == dlpack::kCudaHost,
        "from_dlpack: expected an array in the CPU's memory, got one on DLPack's device ",
        a.device_type, ":", a.device_id, "; bring it to the CPU first");
  check(a.ndim <= kMaxRank, "from_dlpack: tensors have at most ", kMaxRank, " dimensions, got ",
        a.ndim);
  Described d;
  d.dtype = dtype_of_element(a.dtype);
  d.data = static_cast<std::byte*>(a.data) + a.byte_offset;
  d.shape = Dims(a.shape, a.shape + a.ndim);
  d.strides = a.strides != nullptr ? Dims(a.strides, a.strides + a.ndim) : row_major(d.shape);
  d.aligned = reinterpret_cast<uintptr_t>(d.data) % size_of(d.dtype) == 0;
  d.read_only = read_only;
  return d;
}

// The dtype of a buffer's elements, by struct's letters; `bits16` if the 16 bits are a bfloat16's.
DType dtype_of_format(const Py_buffer& b, bool bits16) {
  const char* format = b.format == nullptr ? "B" : b.format;
  const std::string all = format;
  check(*format != '>' && *format != '!',
        "asarray: expected elements in this machine's byte order, got the other one (format \"",
        all, "\"); convert them first, in NumPy by a.astype(a.dtype.newbyteorder(\"=\"))");
  if (*format == '@' || *format == '=' || *format == '<') ++format;
  if (std::strlen(format) == 1) {
    const auto of = [&](const char* letters, Py_ssize_t bytes) {
      return std::strchr(letters, *format) != nullptr && b.itemsize == bytes;
    };
    if (bits16 && of("H", 2)) return DType::bfloat16;
    if (of("f", 4)) return DType::float32;
    if (of("d", 8)) return DType::float64;
    if (of("e", 2)) return DType::float16;
    if (of("lqn", 8)) return DType::int64;
    if (of("il", 4)) return DType::int32;
    if (of("B", 1)) return DType::uint8;
    if (of("?", 1)) return DType::boolean;
  }
  throw ArgumentError(
      str("asarray: expected float32, float64, float16, int64, int32, uint8 or bool "
          "elements, got format \"",
          all, "\" of ", b.itemsize, " bytes"));
}

Described describe(const Py_buffer& b, bool bits16) {
  check(b.ndim <= kMaxRank, "asarray: tensors have at most ", kMaxRank, " dimensions, got ",
        b.ndim);
  Described d;
  d.dtype = dtype_of_format(b, bits16);
  d.data = static_cast<std::byte*>(b.buf);
  d.aligned = reinterpret_cast<uintptr_t>(b.buf) % size_of(d.dtype) == 0;
  for (int i = 0; i < b.ndim; ++i) {
    d.shape.push_back(b.shape[i]);
    d.strides.push_back(b.strides[i] / b.itemsize);
    d.aligned = d.aligned && (b.strides[i] % b.itemsize == 0 || b.shape[i] == 1);
  }
  d.read_only = b.readonly != 0;
  return d;
}

// The elements at their place: from the lowest address that any of them has. Reversed dimensions
// (negative strides) are turned round afterwards, in a copy.
Tensor on_memory(Described d, std::shared_ptr<void> owner, std::optional<bool> copy) {
  const TensorOptions options{.dtype = d.dtype};
  const Layout whole = Layout::contiguous(d.shape, "asarray");
  if (whole.numel() == 0) return empty(d.shape, options);
  Dims reversed;
  int64_t last = 0;
  for (int i = 0; i < d.shape.size(); ++i) {
    const int64_t reach = (d.shape[i] - 1) * d.strides[i];
    if (reach < 0) {
      reversed.push_back(i);
      d.data += reach * int64_t(size_of(d.dtype));
      d.strides[i] = -d.strides[i];
    }
    last += reach < 0 ? -reach : reach;
  }
  check(
      copy != false || reversed.empty(),
      "asarray: the array has negative strides, which only a copy can have; leave copy=False out");
  auto storage =
      std::make_shared<Storage>(d.data, size_t(last + 1) * size_of(d.dtype), std::move(owner));
  Tensor x(storage, {d.shape, d.strides, 0}, d.dtype);
  if (!reversed.empty()) return flip(x, reversed);
  if (copy == true) return copy_of(x);
  if (d.read_only) mark_read_only(storage);
  return x;
}

// Elements that do not lie on whole addresses: moved byte by byte.
Tensor unaligned(const Py_buffer& b, const Described& d, std::optional<bool> copy) {
  check(copy != false,
        "asarray: the elements do not lie on multiples of their size, so only a copy can have "
        "them; leave copy=False out");
  Tensor x = empty(d.shape, {.dtype = d.dtype});
  // Not const before Python 3.11; it is only read.
  auto* source = const_cast<Py_buffer*>(&b);
  if (PyBuffer_ToContiguous(x.raw_data(), source, b.len, 'C') != 0) nb::raise_python_error();
  return x;
}

Tensor from_buffer(nb::handle array, bool bits16, std::optional<bool> copy) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(array.ptr(), view.get(), PyBUF_RECORDS_RO) != 0) nb::raise_python_error();
  Py_buffer* buffer = view.release();
  const std::shared_ptr<void> owner = kept<Py_buffer>(buffer, [](Py_buffer* b) {
    PyBuffer_Release(b);
    delete b;
  });
  const Described d = describe(*buffer, bits16);
  return d.aligned ? on_memory(d, owner, copy) : unaligned(*buffer, d, copy);
}

template <class M>
Tensor from_managed(nb::handle capsule, const char* name, const char* used, bool read_only,
                    std::optional<bool> copy) {
  auto* managed = static_cast<M*>(PyCapsule_GetPointer(capsule.ptr(), name));
  const Described d = describe(managed->array, read_only);
  check(d.aligned, "from_dlpack: the elements do not lie on multiples of their size");
  PyCapsule_SetName(capsule.ptr(), used);
  return on_memory(d,
                   kept<M>(managed,
                           [](M* m) {
                             if (m->deleter != nullptr) m->deleter(m);
                           }),
                   copy);
}

Tensor from_capsule(nb::handle capsule, std::optional<bool> copy) {
  if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned") != 0) {
    const auto* managed = static_cast<dlpack::ManagedVersioned*>(
        PyCapsule_GetPointer(capsule.ptr(), "dltensor_versioned"));
    check(managed->major == 1, "from_dlpack: expected DLPack 1, got version ", managed->major);
    return from_managed<dlpack::ManagedVersioned>(capsule, "dltensor_versioned",
                                                  "used_dltensor_versioned",
                                                  (managed->flags & dlpack::kReadOnly) != 0, copy);
  }
  check(PyCapsule_IsValid(capsule.ptr(), "dltensor") != 0,
        "from_dlpack: expected a DLPack capsule that nobody has taken yet");
  return from_managed<dlpack::Managed>(capsule, "dltensor", "used_dltensor", false, copy);
}

// Asks for DLPack 1 first, which older libraries do not know.
nb::object dlpack_capsule(nb::handle array) {
  const nb::object method = array.attr("__dlpack__");
  try {
    return method(nb::arg("max_version") = nb::make_tuple(1, 0));
  } catch (const nb::python_error& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  return method();
}

// NumPy's arrays of bfloat16 (ml_dtypes) have neither a buffer nor DLPack, but their bits have.
bool is_numpy_bfloat16(nb::handle array) {
  return nb::hasattr(array, "dtype") && nb::hasattr(array, "view") &&
         PyObject_CheckBuffer(array.ptr()) != 0 && nb::hasattr(array.attr("dtype"), "name") &&
         std::string(nb::str(array.attr("dtype").attr("name")).c_str()) == "bfloat16";
}

}  // namespace

bool is_array(nb::handle object) {
  return PyObject_CheckBuffer(object.ptr()) != 0 || PyCapsule_CheckExact(object.ptr()) != 0 ||
         nb::hasattr(object, "__dlpack__");
}

Tensor import_array(nb::handle array, std::optional<bool> copy) {
  if (PyCapsule_CheckExact(array.ptr()) != 0) return from_capsule(array, copy);
  if (is_numpy_bfloat16(array)) return from_buffer(array.attr("view")("uint16"), true, copy);
  if (PyObject_CheckBuffer(array.ptr()) != 0) return from_buffer(array, false, copy);
  if (nb::hasattr(array, "__dlpack__")) return from_capsule(dlpack_capsule(array), copy);
  throw nb::type_error(str("asarray: expected an array with __dlpack__ or a buffer, got ",
                           nb::type_name(array.type()).c_str())
                           .c_str());
}

}  // namespace papilio::python
