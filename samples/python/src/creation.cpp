// New tensors: from numbers, from arrays of other libraries, and random ones.
#include "tensor/creation.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "samples/python/src/bindings.h"
#include "samples/python/src/interchange.h"
#include "tensor/copy.h"
#include "tensor/device_named.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace papilio::python {

namespace {

// Nested lists on their way to a tensor.
struct Nested {
  Dims shape;
  bool all_bool = true, all_int = true;
  std::vector<double> numbers;
  std::vector<int64_t> integers;
};

bool is_list(nb::handle h) {
  return PyList_Check(h.ptr()) != 0 || PyTuple_Check(h.ptr()) != 0;
}

void add_number(Nested& n, nb::handle h) {
  const bool boolean = PyBool_Check(h.ptr()) != 0;
  const bool integer = PyIndex_Check(h.ptr()) != 0 && !nb::isinstance<Tensor>(h);
  n.all_bool = n.all_bool && boolean;
  n.all_int = n.all_int && integer;
  if (integer) {
    const nb::object whole = nb::steal(PyNumber_Index(h.ptr()));
    if (!whole.is_valid()) nb::raise_python_error();
    const int64_t value = PyLong_AsLongLong(whole.ptr());
    if (value == -1 && PyErr_Occurred() != nullptr) nb::raise_python_error();
    n.integers.push_back(value);
    n.numbers.push_back(double(n.integers.back()));
  } else {
    const double value = PyFloat_AsDouble(h.ptr());
    if (value == -1 && PyErr_Occurred() != nullptr) nb::raise_python_error();
    n.numbers.push_back(value);
  }
}

void add_nested(Nested& n, nb::handle h, int depth) {
  check(is_list(h) == (depth < n.shape.size()), "tensor: lists of different depths");
  if (!is_list(h)) return add_number(n, h);
  const Py_ssize_t count = PySequence_Size(h.ptr());
  check(count == n.shape[depth], "tensor: expected lists of ", n.shape[depth], " in dimension ",
        depth, ", got one of ", int64_t(count));
  for (Py_ssize_t i = 0; i < count; ++i)
    add_nested(n, nb::steal(PySequence_GetItem(h.ptr(), i)), depth + 1);
}

// Floats in `dtype`, else float32.
Tensor from_numbers(nb::handle data, std::optional<DType> dtype) {
  Nested n;
  nb::object first = nb::borrow(data);
  while (is_list(first)) {
    n.shape.push_back(PySequence_Size(first.ptr()));
    if (n.shape.back() == 0) break;
    first = nb::steal(PySequence_GetItem(first.ptr(), 0));
  }
  add_nested(n, data, 0);
  if (n.numbers.empty()) return empty(n.shape);
  if (!n.all_int)
    return copy_of(papilio::tensor(n.numbers, n.shape), dtype.value_or(DType::float32));
  const Tensor x = papilio::tensor(n.integers, n.shape);
  return n.all_bool ? copy_of(x, DType::boolean) : x;
}

Tensor in_dtype(const Tensor& x, std::optional<DType> dtype) {
  return dtype && *dtype != x.dtype() ? copy_of(x, *dtype) : x;
}

// An array of anybody's, or numbers. What NumPy alone can read (`__array__`: pandas' columns, PIL's
// pictures), it reads.
Tensor imported(nb::handle data, std::optional<DType> dtype, std::optional<bool> copy) {
  if (is_array(data)) return import_array(data, copy);
  if (!nb::hasattr(data, "__array__")) return from_numbers(data, dtype);
  return import_array(nb::module_::import_("numpy").attr("asarray")(data), copy);
}

Tensor new_tensor(nb::handle data, std::optional<DType> dtype, bool requires_grad) {
  Tensor x;
  if (nb::isinstance<Tensor>(data))
    x = copy_of(nb::cast<const Tensor&>(data));
  else
    x = imported(data, dtype, true);
  x = in_dtype(x, dtype);
  return requires_grad ? leaf(x) : x;
}

Tensor as_array(nb::handle data, std::optional<DType> dtype, std::optional<bool> copy) {
  Tensor x;
  if (nb::isinstance<Tensor>(data))
    x = copy == true ? copy_of(nb::cast<const Tensor&>(data)) : nb::cast<const Tensor&>(data);
  else
    x = imported(data, dtype, copy);
  check(copy != false || !dtype || *dtype == x.dtype(), "asarray: ", x.dtype(), " becomes ",
        dtype.value_or(x.dtype()), " only in a copy; leave copy=False out");
  return in_dtype(x, dtype);
}

TensorOptions options_of(DType dtype, const std::string& device) {
  return {.dtype = dtype, .device = device_named("creation", device)};
}

// f(shape, dtype, device) and f_like(x) of a filled tensor.
void bind_filled(nb::module_& m, const char* name, Tensor (*make)(const Dims&, TensorOptions),
                 Tensor (*like)(const Tensor&), const char* doc) {
  m.def(
      name,
      [make](const Dims& shape, DType dtype, const std::string& device) {
        return make(shape, options_of(dtype, device));
      },
      nb::arg("shape"), nb::arg("dtype") = DType::float32, nb::arg("device") = "cpu", Unlocked(),
      doc);
  if (like != nullptr)
    m.def((std::string(name) + "_like").c_str(), like, nb::arg("x"), Unlocked(),
          "The same in x's shape, dtype and device.");
}

void bind_random(nb::module_& m) {
  m.def("manual_seed", papilio::manual_seed, nb::arg("seed"),
        "Seeds every random choice that names no generator.");
  m.def(
      "rand",
      [](const Dims& shape, DType dtype, const std::string& device) {
        return rand(shape, options_of(dtype, device));
      },
      nb::arg("shape"), nb::arg("dtype") = DType::float32, nb::arg("device") = "cpu", Unlocked(),
      "Uniform in [0, 1).");
  m.def(
      "randn",
      [](const Dims& shape, DType dtype, const std::string& device) {
        return randn(shape, options_of(dtype, device));
      },
      nb::arg("shape"), nb::arg("dtype") = DType::float32, nb::arg("device") = "cpu", Unlocked(),
      "Normal with mean 0 and standard deviation 1.");
  m.def(
      "randint",
      [](int64_t low, int64_t high, const Dims& shape, DType dtype) {
        return randint(low, high, shape, dtype);
      },
      nb::arg("low"), nb::arg("high"), nb::arg("shape"), nb::arg("dtype") = DType::int64,
      Unlocked(), "Integers low, ..., high - 1.");
  m.def(
      "randperm", [](int64_t n) { return randperm(n); }, nb::arg("n"), Unlocked(),
      "A permutation of 0, ..., n - 1 (int64).");
  m.def(
      "bernoulli", [](const Dims& shape, double p) { return bernoulli(shape, p); },
      nb::arg("shape"), nb::arg("p"), Unlocked(), "A bool mask: true with probability p.");
}

}  // namespace

void bind_creation(nb::module_& m) {
  m.def("tensor", new_tensor, nb::arg("data"), nb::arg("dtype") = nb::none(),
        nb::arg("requires_grad") = false,
        nb::sig("def tensor(data: typing.Any, dtype: DType | None = None, requires_grad: bool = "
                "False) -> Tensor"),
        "A copy of numbers, nested lists or an array. Lists of floats become float32, of integers\n"
        "int64, of bools bool.");
  m.def("asarray", as_array, nb::arg("data"), nb::arg("dtype") = nb::none(),
        nb::arg("copy") = nb::none(),
        nb::sig("def asarray(data: typing.Any, dtype: DType | None = None, copy: bool | None = "
                "None) -> Tensor"),
        "A tensor on the memory of an array (NumPy, PyTorch, JAX, anything with `__dlpack__`, a\n"
        "buffer or `__array__`) if dtype, byte order and strides allow, else a copy. copy=True: "
        "always a copy,\n"
        "copy=False: never, an error in its place. Read-only arrays make read-only tensors.");
  m.def(
      "from_dlpack",
      [](nb::handle array, std::optional<bool> copy, const nb::object& stream) {
        return import_array(array, copy, stream);
      },
      nb::arg("array"), nb::kw_only(), nb::arg("copy") = nb::none(), nb::arg("stream") = nb::none(),
      nb::sig(
          "def from_dlpack(array: typing.Any, *, copy: bool | None = None, stream: int | None = "
          "None) -> Tensor"),
      "A tensor on the memory of an array with `__dlpack__`, or of a capsule of its.\n\n"
      "On a GPU the library that made it orders its work before Papilio's, and the memory goes "
      "back\n"
      "to it when Papilio's work is done, for which the host waits; unless `stream` is the stream\n"
      "that it works on, numbered as in the array API: then the streams wait for each other.");
  bind_filled(m, "empty", empty, empty_like, "Uninitialised.");
  bind_filled(m, "zeros", zeros, zeros_like, "Zero in every element.");
  bind_filled(m, "ones", ones, ones_like, "One in every element.");
  m.def(
      "full",
      [](const Dims& shape, double value, DType dtype, const std::string& device) {
        return full(shape, value, options_of(dtype, device));
      },
      nb::arg("shape"), nb::arg("value"), nb::arg("dtype") = DType::float32,
      nb::arg("device") = "cpu", Unlocked(), "`value` in every element.");
  m.def(
      "arange",
      [](int64_t n, DType dtype, const std::string& device) {
        return arange(n, options_of(dtype, device));
      },
      nb::arg("n"), nb::arg("dtype") = DType::int64, nb::arg("device") = "cpu", Unlocked(),
      "0, 1, ..., n - 1.");
  m.def(
      "linspace",
      [](double first, double last, int64_t n, DType dtype, const std::string& device) {
        return linspace(first, last, n, options_of(dtype, device));
      },
      nb::arg("first"), nb::arg("last"), nb::arg("n"), nb::arg("dtype") = DType::float32,
      nb::arg("device") = "cpu", Unlocked(), "n values from first to last, both included.");
  m.def(
      "eye",
      [](int64_t n, DType dtype, const std::string& device) {
        return eye(n, options_of(dtype, device));
      },
      nb::arg("n"), nb::arg("dtype") = DType::float32, nb::arg("device") = "cpu", Unlocked(),
      "The (n, n) identity.");
  bind_random(m);
}

}  // namespace papilio::python
