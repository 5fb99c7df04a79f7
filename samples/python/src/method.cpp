// The operations of orthogonal finetuning.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <optional>

#include "boft/ops.h"
#include "samples/python/src/bindings.h"

namespace papilio::python {

using MaybeTensor = std::optional<Tensor>;

void bind_method(nb::module_& m) {
  m.def("cayley", cayley, nb::arg("r"), Unlocked(),
        "Q = (I - S)(I + S)^-1 of S = (R - R^T) / 2: a rotation from any (..., b, b).");
  m.def(
      "cayley_neumann", cayley_neumann, nb::arg("a"), nb::arg("terms"), Unlocked(),
      "I + 2 A + 2 A^2 + ... + A^(terms-1): nearly a rotation, without an inversion (PEFT 0.18+).");
  m.def("skew_symmetric", skew_symmetric, nb::arg("upper"), nb::arg("b"), Unlocked(),
        "A = U - U^T from the triangles (..., b (b - 1) / 2): (..., b, b).");
  m.def("upper_triangle", upper_triangle, nb::arg("a"), Unlocked(),
        "The strict upper triangle of (..., b, b), row by row.");
  m.def("butterfly_rotation", butterfly_rotation, nb::arg("x"), nb::arg("q"), Unlocked(),
        "x R with R = B_{m-1} ... B_0. x: (..., d), q: (m, N, b, b), d = N b (arXiv 2311.06243).");
  m.def("butterfly_rotation_transposed", butterfly_rotation_transposed, nb::arg("x"), nb::arg("q"),
        Unlocked(), "x R^T.");
  m.def("butterfly_matrix", butterfly_matrix, nb::arg("q"), Unlocked(), "R itself, (d, d).");
  m.def(
      "boft_linear",
      [](const Tensor& x, const Tensor& w, const MaybeTensor& bias, const Tensor& q,
         const Tensor& s) { return boft_linear(x, w, or_undefined(bias), q, s); },
      nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("q"), nb::arg("s"),
      Unlocked(),
      "s o (x R W^T) + bias in one operation. x: (..., d), weight: (out, d), q: (m, N, b, b)\n"
      "orthogonal, s: (out, 1).");
  m.def(
      "lora_linear",
      [](const Tensor& x, const Tensor& w, const MaybeTensor& bias, const Tensor& a,
         const Tensor& b, double scaling, const MaybeTensor& dropped) {
        return lora_linear(x, w, or_undefined(bias), a, b, scaling, or_undefined(dropped));
      },
      nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("a"), nb::arg("b"),
      nb::arg("scaling"), nb::arg("dropped") = nb::none(), Unlocked(),
      "x W^T + bias + scaling (x A^T) B^T in one operation. A: (r, d), B: (out, r); `dropped`:\n"
      "x after dropout.");
  m.def("householder", householder, nb::arg("x"), nb::arg("u"), Unlocked(),
        "x H_1 ... H_r, reflections by u's columns; u: (d, r).");
  m.def("householder_transposed", householder_transposed, nb::arg("x"), nb::arg("u"), Unlocked(),
        "x H_r ... H_1.");
  m.def("gram_schmidt", gram_schmidt, nb::arg("u"), Unlocked(), "u's columns made orthonormal.");
  m.def(
      "multiplicative_dropout",
      [](const Tensor& q, double p, bool training) {
        return multiplicative_dropout(q, p, training);
      },
      nb::arg("q"), nb::arg("p"), nb::arg("training") = true, Unlocked(),
      "In one factor of q: (m, N, b, b), int(p N) blocks become the identity.");
}

}  // namespace papilio::python
