// What the files of the Python module share: its parts, and how Python's values become ours.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "tensor/dims.h"
#include "tensor/tensor.h"

namespace papilio::python {

namespace nb = nanobind;

// Each adds its part to the module papilio._core.
void bind_errors(nb::module_& m);
void bind_tensor(nb::module_& m);
void bind_creation(nb::module_& m);
void bind_arithmetic(nb::module_& m, nb::class_<Tensor>& tensor);
void bind_operations(nb::module_& m);
void bind_method(nb::module_& m);
void bind_autograd(nb::module_& m);
void bind_models(nb::module_& m);
void bind_adapters(nb::module_& m);
void bind_training(nb::module_& m);
void bind_figures(nb::module_& m);

// Long calls let other Python threads run.
using Unlocked = nb::call_guard<nb::gil_scoped_release>;

// An argument that may be left out: the undefined tensor.
inline Tensor or_undefined(const std::optional<Tensor>& x) {
  return x ? *x : Tensor();
}
// The undefined tensor is None.
inline std::optional<Tensor> or_none(Tensor x) {
  return x.defined() ? std::optional(std::move(x)) : std::nullopt;
}

// Sizes or dimensions given as f(2, 3) or as f((2, 3)). Throws a TypeError for anything else.
Dims dims_of(const nb::args& args);

// x[key] as NumPy reads it: a view for integers, slices, None and ..., or what one int64 tensor
// picks.
Tensor get_item(const Tensor& x, nb::handle key);
void set_item(const Tensor& x, nb::handle key, nb::handle value);

// Throws ArgumentError if x's memory came from an array that may not be written.
void check_writable(const char* operation, const Tensor& x);

}  // namespace papilio::python

namespace nanobind::detail {

template <>
struct type_caster<papilio::Dims> {
  NB_TYPE_CASTER(papilio::Dims, io_name("int | collections.abc.Sequence[int]", "tuple[int, ...]"))

  // NOLINTNEXTLINE(bugprone-exception-escape): nanobind wants noexcept, and ranks are checked below
  bool from_python(handle src, uint32_t, cleanup_list*) noexcept {
    value = papilio::Dims();
    const auto add = [this](PyObject* item) {
      if (!PyIndex_Check(item) || value.size() == papilio::kMaxRank) return false;
      const int64_t number = PyNumber_AsSsize_t(item, PyExc_OverflowError);
      if (number == -1 && PyErr_Occurred()) return PyErr_Clear(), false;
      value.push_back(number);
      return true;
    };
    if (PyIndex_Check(src.ptr()) && !PySequence_Check(src.ptr())) return add(src.ptr());
    if (!PyTuple_Check(src.ptr()) && !PyList_Check(src.ptr())) return false;
    const Py_ssize_t count = PySequence_Size(src.ptr());
    for (Py_ssize_t i = 0; i < count; ++i) {
      const object item = steal(PySequence_GetItem(src.ptr(), i));
      if (!item.is_valid() || !add(item.ptr())) return false;
    }
    return true;
  }

  static handle from_cpp(const papilio::Dims& dims, rv_policy, cleanup_list*) noexcept {
    PyObject* tuple = PyTuple_New(dims.size());
    if (tuple == nullptr) return handle();
    for (int i = 0; i < dims.size(); ++i) PyTuple_SetItem(tuple, i, PyLong_FromLongLong(dims[i]));
    return tuple;
  }
};

}  // namespace nanobind::detail
