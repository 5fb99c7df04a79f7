// The class Tensor: what it is, how it is read, and its ways to other libraries.
#include "tensor/tensor.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/to.h"
#include "samples/python/src/bindings.h"
#include "samples/python/src/interchange.h"
#include "samples/python/src/read_only.h"
#include "samples/python/src/unlocked.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/device_named.h"
#include "tensor/dtype.h"
#include "tensor/error.h"
#include "tensor/print.h"

namespace papilio::python {

namespace {

// x's elements, on the CPU.
Tensor read(const Tensor& x) {
  return unlocked(x.device(), [&] { return cpu_data(x); });
}

// The only element, of a tensor on the CPU, as Python has it.
nb::object number_at(const Tensor& x) {
  switch (x.dtype()) {
    case DType::boolean:
      return nb::bool_(x.item<bool>());
    case DType::int64:
    case DType::int32:
    case DType::uint8:
      return nb::int_(x.item<int64_t>());
    default:
      return nb::float_(x.item<double>());
  }
}

nb::object rows_of(const Tensor& x) {
  if (x.dim() == 0) return number_at(x);
  nb::list rows;
  for (int64_t i = 0; i < x.size(0); ++i) rows.append(rows_of(select(x, 0, i)));
  return rows;
}

nb::object to_list(const Tensor& x) {
  return rows_of(read(x));
}

// The only element, of a tensor anywhere.
template <class T>
T value_of(const Tensor& x) {
  return unlocked(x.device(), [&] { return x.item<T>(); });
}

// An array of NumPy's on x's memory. Its bfloat16 is that of the package ml_dtypes.
nb::object numpy(nb::handle self) {
  const auto& x = nb::cast<const Tensor&>(self);
  const nb::module_ np = nb::module_::import_("numpy");
  if (x.dtype() != DType::bfloat16 || x.requires_grad() || !x.device().is_cpu())
    return np.attr("asarray")(nb::steal(PyMemoryView_FromObject(self.ptr())));
  const nb::object type = nb::module_::import_("ml_dtypes").attr("bfloat16");
  // The same bits in int16 letters: a tensor of another name on the same memory.
  std::vector<size_t> shape(x.shape().begin(), x.shape().end());
  const nb::ndarray<nb::numpy, uint16_t> bits(x.raw_data(), shape.size(), shape.data(), self,
                                              x.strides().begin());
  return nb::cast(bits, nb::rv_policy::reference).attr("view")(type);
}

std::string text_of(const Tensor& x) {
  return unlocked(x.device(), [&] {
    std::ostringstream out;
    out << x;
    return out.str();
  });
}

std::string device_name(const Tensor& x) {
  return str(x.device());
}

// x.to(dtype), x.to("cuda"), x.to("cuda", dtype)
Tensor converted(const Tensor& x, const std::optional<std::string>& device,
                 std::optional<DType> dtype) {
  Tensor y = dtype ? cast(x, *dtype) : x;
  return device ? to(y, device_named("to", *device)) : y;
}

using State = std::tuple<nb::bytes, Dims, DType, bool>;

State state_of(const Tensor& x) {
  check(!x.requires_grad() || x.node()->is_leaf(),
        "pickle: the tensor was computed by an operation, whose graph cannot be kept; detach() it");
  const Tensor own = contiguous_data(read(x));
  const size_t bytes = size_t(own.numel()) * size_of(own.dtype());
  return {nb::bytes(bytes > 0 ? own.raw_data() : "", bytes), own.shape(), own.dtype(),
          x.requires_grad()};
}

void set_state(Tensor& x, const State& state) {
  const auto& [bytes, shape, dtype, requires_grad] = state;
  Tensor made = empty(shape, {.dtype = dtype});
  const size_t expected = size_t(made.numel()) * size_of(dtype);
  check(bytes.size() == expected, "unpickle: expected ", expected, " bytes, got ", bytes.size());
  if (expected > 0) std::memcpy(made.raw_data(), bytes.data(), expected);
  new (&x) Tensor(requires_grad ? leaf(made) : made);
}

void set_grad_wanted(Tensor& x, bool value) {
  set_requires_grad(x, value);
}

void bind_dtype(nb::module_& m) {
  nb::enum_<DType> dtype(m, "DType", "The types of a tensor's elements, by PyTorch's names.");
  for (const DType d : {DType::float32, DType::float64, DType::bfloat16, DType::float16,
                        DType::int64, DType::int32, DType::uint8})
    dtype.value(std::string(name_of(d)).c_str(), d);
  dtype.value("bool", DType::boolean);
  // papilio.float32 and its like; not papilio.bool, which would hide Python's.
  for (const char* name : {"float32", "float64", "bfloat16", "float16", "int64", "int32", "uint8"})
    m.attr(name) = m.attr("DType").attr(name);
}

void bind_facts(nb::class_<Tensor>& t) {
  t.def_prop_ro("shape", &Tensor::shape, "The size of each dimension.")
      .def_prop_ro("strides", &Tensor::strides, "Of each dimension, in elements.")
      .def_prop_ro("dtype", &Tensor::dtype, "The type of every element.")
      .def_prop_ro("device", device_name, "\"cpu\" or \"cuda:0\".")
      .def_prop_ro("ndim", &Tensor::dim, "The number of dimensions.")
      .def_prop_ro(
          "read_only", [](const Tensor& x) { return is_read_only(x.storage()); },
          "Does it share the memory of an array that may not be written?")
      .def_prop_ro(
          "is_leaf", [](const Tensor& x) { return !x.node() || x.node()->is_leaf(); },
          "False for what an operation computed from tensors that require a gradient.")
      .def_prop_rw("requires_grad", &Tensor::requires_grad, set_grad_wanted,
                   "Does it, or what it was computed from, collect a gradient?")
      .def_prop_rw(
          "grad",
          [](const Tensor& x) {
            return x.requires_grad() && x.node()->is_leaf() ? or_none(grad(x)) : std::nullopt;
          },
          [](const Tensor& x, const std::optional<Tensor>& g) { set_grad(x, or_undefined(g)); },
          nb::arg("gradient").none(), nb::for_getter(nb::sig("def grad(self) -> Tensor | None")),
          nb::for_setter(nb::sig("def grad(self, gradient: Tensor | None, /) -> None")),
          "The gradient accumulated in a leaf, or None.")
      .def(
          "requires_grad_",
          [](nb::handle self, bool value) {
            set_requires_grad(nb::cast<Tensor&>(self), value);
            return nb::borrow(self);
          },
          nb::arg("value") = true,
          nb::sig("def requires_grad_(self, value: bool = True) -> Tensor"),
          "Makes it a leaf that collects a gradient, or with False an ordinary tensor.")
      .def(
          "size", [](const Tensor& x, int dim) { return x.size(dim); }, nb::arg("dim"),
          "The size of one dimension; -1 is the last.")
      .def("numel", &Tensor::numel, "The number of elements.")
      .def("is_contiguous", &Tensor::is_contiguous, "Row-major and without gaps?")
      .def("detach", &Tensor::detach, "The same memory without a gradient.");
}

void bind_values(nb::class_<Tensor>& t) {
  t.def(
       "item",
       [](const Tensor& x) {
         check(x.numel() == 1, "item: expected one element, got ", x.numel());
         return number_at(read(x));
       },
       nb::sig("def item(self) -> float | int | bool"), "The only element.")
      .def("tolist", to_list, nb::sig("def tolist(self) -> typing.Any"),
           "The elements as nested lists.")
      .def("numpy", numpy, nb::sig("def numpy(self) -> typing.Any"),
           "An array of NumPy's on the same memory (bfloat16: of ml_dtypes' type).")
      .def(
          "__array__",
          [](nb::handle self, const nb::object& dtype, const nb::object& copy) {
            const nb::object array = numpy(self);
            const nb::module_ np = nb::module_::import_("numpy");
            return copy.is(nb::bool_(true)) ? np.attr("array")(array, dtype)
                                            : np.attr("asarray")(array, dtype);
          },
          nb::arg("dtype") = nb::none(), nb::arg("copy") = nb::none(),
          nb::sig("def __array__(self, dtype: typing.Any = None, copy: typing.Any = None) -> "
                  "typing.Any"))
      .def(
          "__dlpack__",
          [](const Tensor& x, const nb::object& stream, const nb::object& max_version,
             const nb::object& device, const nb::object& copy) {
            return export_dlpack(x, {stream, max_version, device, copy});
          },
          nb::kw_only(), nb::arg("stream") = nb::none(), nb::arg("max_version") = nb::none(),
          nb::arg("dl_device") = nb::none(), nb::arg("copy") = nb::none(),
          nb::sig("def __dlpack__(self, *, stream: int | None = None, max_version: tuple[int, int] "
                  "| None = None, dl_device: tuple[int, int] | None = None, copy: bool | None = "
                  "None) -> typing.Any"),
          "A DLPack capsule. `stream` is the consumer's on a GPU, as the array API numbers it: it\n"
          "waits for what was asked of this tensor, and must live as long as the array.")
      .def("__dlpack_device__", dlpack_device,
           nb::sig("def __dlpack_device__(self) -> tuple[int, int]"))
      .def("__getstate__", state_of, nb::sig("def __getstate__(self) -> tuple"))
      .def("__setstate__", set_state, nb::sig("def __setstate__(self, state: tuple) -> None"))
      .def("__repr__", text_of)
      .def("__len__",
           [](const Tensor& x) {
             if (x.dim() == 0) throw nb::type_error("len() of a tensor without dimensions");
             return x.size(0);
           })
      .def("__bool__",
           [](const Tensor& x) {
             check(x.numel() == 1, "bool: the truth of a tensor with ", x.numel(),
                   " elements is not one; use item() of one of them");
             return value_of<double>(x) != 0;
           })
      .def("__float__", value_of<double>)
      .def("__int__", value_of<int64_t>)
      .def("__hash__", [](nb::handle self) { return std::hash<const void*>()(self.ptr()); })
      .def("__getitem__", get_item, nb::arg("key").none(),
           nb::sig("def __getitem__(self, key: typing.Any, /) -> Tensor"))
      .def("__setitem__", set_item, nb::arg("key").none(), nb::arg("value").none(),
           nb::sig("def __setitem__(self, key: typing.Any, value: typing.Any, /) -> None"))
      .def(
          "__iter__",
          [](const Tensor& x) {
            if (x.dim() == 0) throw nb::type_error("iteration over a tensor without dimensions");
            nb::list rows;
            for (int64_t i = 0; i < x.size(0); ++i) rows.append(select(x, 0, i));
            return nb::iter(rows);
          },
          nb::sig("def __iter__(self) -> collections.abc.Iterator[Tensor]"));
}

void bind_conversions(nb::class_<Tensor>& t) {
  t.def(
       "to", [](const Tensor& x, DType dtype) { return converted(x, std::nullopt, dtype); },
       nb::arg("dtype"), Unlocked(), "Another element type; gradients are converted back.")
      .def("to", converted, nb::arg("device") = nb::none(), nb::arg("dtype") = nb::none(),
           Unlocked(), "On another device (\"cpu\", \"cuda:0\"), of another element type, or both.")
      .def(
          "cpu", [](const Tensor& x) { return to(x, Device::cpu()); }, Unlocked(),
          "On the CPU: itself if it is there.")
      .def(
          "copy_",
          [](nb::handle self, nb::handle source) {
            set_item(nb::cast<const Tensor&>(self), nb::ellipsis(), source);
            return nb::borrow(self);
          },
          nb::arg("source"), nb::sig("def copy_(self, source: typing.Any) -> Tensor"),
          "Writes `source`, broadcast and converted, into it.")
      .def(
          "fill_",
          [](nb::handle self, double value) {
            set_item(nb::cast<const Tensor&>(self), nb::ellipsis(), nb::float_(value));
            return nb::borrow(self);
          },
          nb::arg("value"), nb::sig("def fill_(self, value: float) -> Tensor"),
          "Every element becomes `value`.");
}

}  // namespace

void bind_tensor(nb::module_& m) {
  bind_dtype(m);
  nb::class_<Tensor> tensor(m, "Tensor", nb::type_slots(buffer_slots),
                            "An array of numbers: a handle on memory that views share.");
  tensor.attr("__array_ufunc__") = nb::none();  // NumPy leaves array + tensor to us
  bind_facts(tensor);
  bind_values(tensor);
  bind_conversions(tensor);
  bind_arithmetic(m, tensor);
}

}  // namespace papilio::python
