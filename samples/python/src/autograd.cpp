// Gradients: backward, scopes, gradcheck, and operations that users write in Python.
#include <nanobind/nanobind.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "autograd/anomaly.h"
#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/checkpoint.h"
#include "autograd/grad_mode.h"
#include "autograd/gradcheck.h"
#include "autograd/record.h"
#include "samples/python/src/bindings.h"
#include "tensor/error.h"

namespace papilio::python {

namespace {

// A Python function inside the graph, which may be let go on any thread.
std::shared_ptr<nb::callable> kept(nb::callable f) {
  return {new nb::callable(std::move(f)), [](nb::callable* held) {
            if (!Py_IsInitialized()) return;
            const nb::gil_scoped_acquire lock;
            delete held;
          }};
}

// record keeps names by address.
const char* lasting(const std::string& name) {
  static auto* const names = new std::set<std::string>;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  return names->insert(name).first->c_str();
}

// What a Python backward returns: a gradient, None, or a sequence of them.
Grads grads_of(const char* operation, nb::handle returned, size_t inputs) {
  Grads grads;
  const auto add = [&](nb::handle g) {
    if (g.is_none()) return grads.emplace_back(), true;
    if (!nb::isinstance<Tensor>(g)) return false;
    grads.push_back(nb::cast<const Tensor&>(g).detach());
    return true;
  };
  bool good = true;
  if (nb::isinstance<Tensor>(returned) || returned.is_none()) {
    add(returned);
  } else if (nb::isinstance<nb::tuple>(returned) || nb::isinstance<nb::list>(returned)) {
    for (const nb::handle g : nb::borrow<nb::iterable>(returned)) good = good && add(g);
  } else {
    good = false;
  }
  check(good && grads.size() == inputs, "backward of ", operation, ": expected ", inputs,
        inputs == 1 ? " tensor or None" : " tensors or None in a tuple");
  return grads;
}

Tensor record_python(const std::string& name, const Tensor& y, const std::vector<Tensor>& inputs,
                     nb::callable backward) {
  const char* operation = lasting(name);
  check(y.defined() && !y.requires_grad(), name,
        ": expected a result without a gradient (compute it inside no_grad(), or detach() it)");
  return record(
      operation, y, inputs,
      [operation, n = inputs.size(), f = kept(std::move(backward))](const Tensor& dy, Needs needs) {
        const nb::gil_scoped_acquire lock;
        nb::list wanted;
        for (size_t i = 0; i < n; ++i) wanted.append(nb::bool_(needs[i]));
        return grads_of(operation, (*f)(dy, nb::tuple(wanted)), n);
      });
}

// What a function of the user's returned.
Tensor tensor_of(const char* caller, const nb::object& returned) {
  if (nb::isinstance<Tensor>(returned)) return nb::cast<Tensor>(returned);
  throw nb::type_error(str(caller, ": expected a function that returns a Tensor, got ",
                           nb::type_name(returned.type()).c_str())
                           .c_str());
}

bool gradcheck_python(nb::callable f, const std::vector<Tensor>& inputs, double eps, double rtol,
                      double atol, bool raise_exception) {
  const auto result = gradcheck(
      [&](const std::vector<Tensor>& x) {
        return tensor_of("gradcheck", f(*nb::tuple(nb::cast(x))));
      },
      inputs, {.eps = eps, .rtol = rtol, .atol = atol});
  check<Error>(result.passed || !raise_exception, result.message);
  return result.passed;
}

Tensor checkpoint_python(nb::callable f, const Tensor& x) {
  return checkpoint(
      [held = kept(std::move(f))](const Tensor& input) {
        const nb::gil_scoped_acquire lock;
        return tensor_of("checkpoint", (*held)(input));
      },
      x);
}

// A scope that a Python `with` opens and closes.
template <class Scope>
struct Opened {
  std::unique_ptr<Scope> scope;
};

template <class Scope, class... Arguments, class... Extra>
void bind_scope(nb::module_& m, const char* name, const Extra&... extra) {
  nb::class_<Opened<Scope>>(m, name)
      .def(
          "__init__",
          [](Opened<Scope>* self, Arguments... arguments) {
            new (self) Opened<Scope>{std::make_unique<Scope>(arguments...)};
          },
          extra...)
      .def("close", [](Opened<Scope>& self) { self.scope.reset(); });
}

void run_backward(const Tensor& y, const std::optional<Tensor>& dy, bool retain_graph) {
  backward(y, or_undefined(dy), retain_graph);
}

}  // namespace

void bind_autograd(nb::module_& m) {
  auto tensor = nb::borrow<nb::class_<Tensor>>(m.attr("Tensor"));
  const char* doc =
      "Adds d(y)/d(leaf) to every leaf that y depends on. dy: the gradient at y, which may be\n"
      "left out for one element. The graph is freed on the way unless retain_graph.";
  tensor.def("backward", run_backward, nb::arg("gradient") = nb::none(),
             nb::arg("retain_graph") = false, Unlocked(), doc);
  m.def("backward", run_backward, nb::arg("y"), nb::arg("gradient") = nb::none(),
        nb::arg("retain_graph") = false, Unlocked(), doc);
  m.def("grad_enabled", grad_enabled, "Do operations record now?");
  m.def("record", record_python, nb::arg("operation"), nb::arg("y"), nb::arg("inputs"),
        nb::arg("backward"),
        nb::sig("def record(operation: str, y: Tensor, inputs: collections.abc.Sequence[Tensor], "
                "backward: collections.abc.Callable) -> Tensor"),
        "Makes y, computed from `inputs`, an operation: `backward(dy, needs)` returns a gradient\n"
        "or None for each input; needs[i] says whether input i wants one.");
  m.def("gradcheck", gradcheck_python, nb::arg("f"), nb::arg("inputs"), nb::arg("eps") = 1e-6,
        nb::arg("rtol") = 1e-3, nb::arg("atol") = 1e-5, nb::arg("raise_exception") = true,
        nb::sig("def gradcheck(f: collections.abc.Callable, inputs: "
                "collections.abc.Sequence[Tensor], eps: float = 1e-06, rtol: float = 0.001, atol: "
                "float = 1e-05, raise_exception: bool = True) -> bool"),
        "Compares gradients of f(*inputs) with central differences; float64 inputs are checked.");
  m.def("checkpoint", checkpoint_python, nb::arg("f"), nb::arg("x"), Unlocked(),
        nb::sig("def checkpoint(f: collections.abc.Callable, x: Tensor) -> Tensor"),
        "f(x), of which nothing is kept for backward but x; f is computed once more then.");
  bind_scope<NoGrad>(m, "_NoGradScope");
  bind_scope<EnableGrad>(m, "_EnableGradScope");
  bind_scope<AnomalyMode>(m, "_AnomalyScope");
  bind_scope<Autocast, DType>(m, "_AutocastScope", nb::arg("dtype"));
}

}  // namespace papilio::python
