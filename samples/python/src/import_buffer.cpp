// Python's buffer protocol: NumPy's arrays, bytes, array.array.
#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "samples/python/src/import_array.h"
#include "samples/python/src/lent_memory.h"
#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::python {

namespace nb = nanobind;

namespace {

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

// NumPy's arrays of bfloat16 (ml_dtypes) have neither a buffer nor DLPack, but their bits have.
bool is_numpy_bfloat16(nb::handle array) {
  return nb::hasattr(array, "dtype") && nb::hasattr(array, "view") &&
         nb::hasattr(array.attr("dtype"), "name") &&
         std::string(nb::str(array.attr("dtype").attr("name")).c_str()) == "bfloat16";
}

}  // namespace

Tensor from_buffer(nb::handle array, std::optional<bool> copy) {
  const bool bits16 = is_numpy_bfloat16(array);
  const nb::object bits = bits16 ? array.attr("view")("uint16") : nb::borrow(array);
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(bits.ptr(), view.get(), PyBUF_RECORDS_RO) != 0) nb::raise_python_error();
  Py_buffer* buffer = view.release();
  const auto release = [](Py_buffer* b) {
    PyBuffer_Release(b);
    delete b;
  };
  const std::shared_ptr<void> owner =
      kept<Py_buffer>(buffer, release, {Device::cpu(), std::nullopt});
  const Described d = describe(*buffer, bits16);
  return d.aligned ? on_memory(d, owner, copy) : unaligned(*buffer, d, copy);
}

}  // namespace papilio::python
