// x[key] and x[key] = value.
#include <nanobind/nanobind.h>

#include <cstdint>
#include <optional>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/index.h"
#include "autograd/ops/shape.h"
#include "samples/python/src/bindings.h"
#include "samples/python/src/interchange.h"
#include "samples/python/src/unlocked.h"
#include "tensor/copy.h"
#include "tensor/device.h"
#include "tensor/error.h"

namespace papilio::python {

namespace {

bool is_number(nb::handle h) {
  return PyIndex_Check(h.ptr()) != 0 && !nb::isinstance<Tensor>(h);
}

// An array of another library's that has dimensions.
bool is_index_array(nb::handle h) {
  return !nb::isinstance<Tensor>(h) && is_array(h) && nb::hasattr(h, "ndim") &&
         nb::cast<int>(h.attr("ndim")) > 0;
}

// How many dimensions of x the key names.
int named_dimensions(const nb::tuple& keys) {
  int named = 0;
  for (const nb::handle key : keys) {
    if (!key.is_none() && !key.is(Py_Ellipsis)) ++named;
  }
  return named;
}

Tensor sliced(const Tensor& x, int dim, nb::handle key) {
  Py_ssize_t start = 0, stop = 0, step = 1;
  if (PySlice_Unpack(key.ptr(), &start, &stop, &step) != 0) nb::raise_python_error();
  check(step > 0, "index: a slice's step must be 1 or more, got ", int64_t(step),
        "; flip() reverses");
  return slice(x, dim, start, stop, step);
}

Tensor indexed(const Tensor& x, int dim, const Tensor& index) {
  check(index.dtype() == DType::int64, "index: expected an int64 tensor, got ", index.dtype(),
        index.dtype() == DType::boolean ? "; where() chooses by a mask" : "");
  check(index.dim() <= 1, "index: expected one dimension, got shape ", index.shape(),
        "; gather() and embedding() take more");
  const Tensor picked = unlocked(x.device(), [&] { return index_select(x, dim, index); });
  return index.dim() == 0 ? select(picked, dim, 0) : picked;
}

void write(const Tensor& target, const Tensor& value) {
  const nb::gil_scoped_release others;
  copy_(target, value);
}

void write(const Tensor& target, double value) {
  const nb::gil_scoped_release others;
  fill_(target, value);
}

}  // namespace

Tensor get_item(const Tensor& x, nb::handle key) {
  const nb::tuple keys =
      nb::isinstance<nb::tuple>(key) ? nb::borrow<nb::tuple>(key) : nb::make_tuple(nb::borrow(key));
  const int named = named_dimensions(keys);
  if (named > x.dim())
    throw nb::index_error(
        str("index: ", named, " indices for a tensor of shape ", x.shape()).c_str());
  Tensor y = x;
  int dim = 0;
  for (const nb::handle k : keys) {
    if (k.is_none()) {
      y = unsqueeze(y, dim++);
    } else if (k.is(Py_Ellipsis)) {
      dim += x.dim() - named;
    } else if (PySlice_Check(k.ptr()) != 0) {
      y = sliced(y, dim++, k);
    } else if (nb::isinstance<Tensor>(k)) {
      const auto& index = nb::cast<const Tensor&>(k);
      y = indexed(y, dim, index);
      dim += index.dim();
    } else if (is_index_array(k)) {
      const Tensor index = import_array(k, std::nullopt);
      y = indexed(y, dim, index);
      dim += index.dim();
    } else if (is_number(k) && !nb::isinstance<nb::bool_>(k)) {
      const int64_t i = PyNumber_AsSsize_t(k.ptr(), PyExc_IndexError);
      if (i == -1 && PyErr_Occurred() != nullptr) nb::raise_python_error();
      if (i >= y.size(dim) || i < -y.size(dim))
        throw nb::index_error(
            str("index ", i, " is outside a dimension of size ", y.size(dim)).c_str());
      y = select(y, dim, i);
    } else {
      throw nb::type_error(
          str("index: expected integers, slices, None, ... or an int64 tensor, got ",
              nb::type_name(k.type()).c_str())
              .c_str());
    }
  }
  return y;
}

void set_item(const Tensor& x, nb::handle key, nb::handle value) {
  check_writable("setitem", x);
  check(!x.requires_grad() || !grad_enabled(),
        "setitem: the tensor requires a gradient; write inside no_grad(), or into detach()");
  const Tensor target = get_item(x.detach(), key);
  check(target.storage() == x.storage(),
        "setitem: a tensor as index makes a copy, which would take the value in vain");
  if (nb::isinstance<Tensor>(value)) {
    write(target, nb::cast<const Tensor&>(value).detach());
  } else if (is_array(value) && PyNumber_Check(value.ptr()) != 0 && !PyFloat_Check(value.ptr())) {
    write(target, import_array(value, std::nullopt));
  } else {
    const double number = PyFloat_AsDouble(value.ptr());
    if (number == -1 && PyErr_Occurred() != nullptr) nb::raise_python_error();
    write(target, number);
  }
}

}  // namespace papilio::python
