// Element by element: operators of Tensor, and the functions of the same names.
#include "autograd/ops/arithmetic.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <limits>
#include <string>

#include "autograd/ops/activation.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/compare.h"
#include "autograd/ops/extrema.h"
#include "autograd/ops/math.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/where.h"
#include "samples/python/src/bindings.h"

namespace papilio::python {

namespace {

using Binary = Tensor (*)(const Tensor&, const Tensor&);
using WithNumber = Tensor (*)(const Tensor&, double);
using NumberWith = Tensor (*)(double, const Tensor&);
using Unary = Tensor (*)(const Tensor&);

// a + b, a + 2, 2 + a, and add(a, b).
void operation(nb::module_& m, nb::class_<Tensor>& t, const char* name, Binary both,
               WithNumber right, NumberWith left, const char* symbol, const char* doc) {
  const std::string reflected = str("__r", symbol, "__"), direct = str("__", symbol, "__");
  t.def(direct.c_str(), both, nb::is_operator(), Unlocked())
      .def(direct.c_str(), right, nb::is_operator(), Unlocked())
      .def(
          reflected.c_str(), [left](const Tensor& b, double a) { return left(a, b); },
          nb::is_operator(), Unlocked());
  m.def(name, both, nb::arg("a"), nb::arg("b"), Unlocked(), doc)
      .def(name, right, nb::arg("a"), nb::arg("b"), Unlocked())
      .def(name, left, nb::arg("a"), nb::arg("b"), Unlocked());
}

void comparison(nb::module_& m, nb::class_<Tensor>& t, const char* name, Binary both,
                WithNumber right, const char* doc) {
  const std::string direct = str("__", name, "__");
  t.def(direct.c_str(), both, nb::is_operator(), Unlocked())
      .def(direct.c_str(), right, nb::is_operator(), Unlocked());
  m.def(name, both, nb::arg("a"), nb::arg("b"), Unlocked(), doc)
      .def(name, right, nb::arg("a"), nb::arg("b"), Unlocked());
}

// f(x) and x.f()
void function(nb::module_& m, nb::class_<Tensor>& t, const char* name, Unary f, const char* doc) {
  t.def(name, f, Unlocked(), doc);
  m.def(name, f, nb::arg("x"), Unlocked(), doc);
}

void bind_operators(nb::module_& m, nb::class_<Tensor>& t) {
  operation(m, t, "add", add, add, add, "add", "a + b, broadcast.");
  operation(m, t, "sub", sub, sub, sub, "sub", "a - b, broadcast.");
  operation(m, t, "mul", mul, mul, mul, "mul", "a b, element by element, broadcast.");
  operation(m, t, "div", div, div, div, "truediv", "a / b, broadcast; floating tensors.");
  comparison(m, t, "eq", eq, eq, "a == b, as bool.");
  comparison(m, t, "ne", ne, ne, "a != b, as bool.");
  comparison(m, t, "lt", lt, lt, "a < b, as bool.");
  comparison(m, t, "le", le, le, "a <= b, as bool.");
  comparison(m, t, "gt", gt, gt, "a > b, as bool.");
  comparison(m, t, "ge", ge, ge, "a >= b, as bool.");
  t.def("__neg__", neg, Unlocked())
      .def("__abs__", abs, Unlocked())
      .def("__pow__", Binary(pow), nb::is_operator(), Unlocked())
      .def("__pow__", WithNumber(pow), nb::is_operator(), Unlocked())
      .def("__matmul__", matmul, nb::is_operator(), Unlocked());
  m.def("neg", neg, nb::arg("x"), Unlocked(), "-x");
  m.def("pow", WithNumber(pow), nb::arg("x"), nb::arg("exponent"), Unlocked(), "x^exponent.")
      .def("pow", Binary(pow), nb::arg("x"), nb::arg("exponent"), Unlocked());
  m.def("matmul", matmul, nb::arg("a"), nb::arg("b"), Unlocked(),
        "A B over the last two dimensions: (..., M, K) and (..., K, N) give (..., M, N); leading\n"
        "dimensions broadcast, vectors as in PyTorch.");
}

}  // namespace

void bind_arithmetic(nb::module_& m, nb::class_<Tensor>& t) {
  bind_operators(m, t);
  function(m, t, "exp", exp, "e^x.");
  function(m, t, "log", log, "The natural logarithm; NaN below 0.");
  function(m, t, "sin", sin, "x in radians.");
  function(m, t, "cos", cos, "x in radians.");
  function(m, t, "sqrt", sqrt, "The square root; NaN below 0.");
  function(m, t, "tanh", tanh, "The hyperbolic tangent.");
  function(m, t, "abs", abs, "|x|; its gradient at 0 is 0.");
  function(m, t, "relu", relu, "max(x, 0).");
  function(m, t, "sigmoid", sigmoid, "1 / (1 + e^-x).");
  m.def("silu", silu, nb::arg("x"), Unlocked(), "x sigmoid(x), also known as swish.");
  nb::enum_<GeluApproximate>(m, "GeluApproximate", "How gelu computes.")
      .value("none", GeluApproximate::none, "by the normal distribution function")
      .value("tanh", GeluApproximate::tanh, "by its approximation");
  m.def("gelu", gelu, nb::arg("x"), nb::arg("approximate") = GeluApproximate::none, Unlocked(),
        "x Phi(x), Phi the normal distribution function.");
  m.def("maximum", maximum, nb::arg("a"), nb::arg("b"), Unlocked(), "The larger, broadcast.");
  m.def("minimum", minimum, nb::arg("a"), nb::arg("b"), Unlocked(), "The smaller, broadcast.");
  m.def("clamp", clamp, nb::arg("x"), nb::arg("low"),
        nb::arg("high") = std::numeric_limits<double>::infinity(), Unlocked(),
        "min(max(x, low), high).");
  m.def("where", nb::overload_cast<const Tensor&, const Tensor&, const Tensor&>(where),
        nb::arg("condition"), nb::arg("a"), nb::arg("b"), Unlocked(), "condition ? a : b.")
      .def("where", nb::overload_cast<const Tensor&, const Tensor&, double>(where),
           nb::arg("condition"), nb::arg("a"), nb::arg("b"), Unlocked())
      .def("where", nb::overload_cast<const Tensor&, double, const Tensor&>(where),
           nb::arg("condition"), nb::arg("a"), nb::arg("b"), Unlocked());
  m.def("cast", cast, nb::arg("x"), nb::arg("dtype"), Unlocked(), "x's values as `dtype`.");
}

}  // namespace papilio::python
