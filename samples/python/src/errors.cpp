// Papilio's errors as Python's exceptions of their kind.
#include <nanobind/nanobind.h>

#include <exception>
#include <string>

#include "nn/text/utf8.h"
#include "nn/train/fit.h"
#include "samples/python/src/bindings.h"
#include "tensor/error.h"

namespace papilio::python {

namespace {

// The exceptions, for as long as the interpreter lives.
struct Exceptions {
  PyObject *error, *argument, *file, *memory, *not_finite;
} exceptions;

PyObject* make(nb::module_& m, const char* name, nb::handle bases, const char* doc) {
  const std::string full = std::string(nb::str(m.attr("__name__")).c_str()) + "." + name;
  PyObject* made = PyErr_NewExceptionWithDoc(full.c_str(), doc, bases.ptr(), nullptr);
  if (made == nullptr) nb::raise_python_error();
  m.attr(name) = nb::handle(made);
  return made;
}

// A file's broken bytes may stand in the message; Python's text is UTF-8.
void raise(PyObject* exception, const std::exception& e) {
  PyErr_SetString(exception, nn::valid_utf8(e.what()).c_str());
}

void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const ArgumentError& e) {
    raise(exceptions.argument, e);
  } catch (const FileError& e) {
    raise(exceptions.file, e);
  } catch (const OutOfMemoryError& e) {
    raise(exceptions.memory, e);
  } catch (const nn::NonFiniteError& e) {
    raise(exceptions.not_finite, e);
  } catch (const Error& e) {
    raise(exceptions.error, e);
  }
}

}  // namespace

void bind_errors(nb::module_& m) {
  exceptions.error = make(m, "Error", PyExc_RuntimeError, "What Papilio raises. One line.");
  const nb::handle error = exceptions.error;
  const auto both = [&](PyObject* other) { return nb::make_tuple(error, nb::handle(other)); };
  exceptions.argument = make(m, "ArgumentError", both(PyExc_ValueError),
                             "Wrong arguments: shapes, dtypes, values out of range.");
  exceptions.file = make(m, "FileError", both(PyExc_OSError),
                         "A file that could not be read or written, or that breaks its format.");
  exceptions.memory = make(m, "OutOfMemoryError", both(PyExc_MemoryError),
                           "Memory could not be had; work can go on.");
  exceptions.not_finite =
      make(m, "NonFiniteError", both(PyExc_ArithmeticError),
           "A loss or gradient that is not finite; the parameters are those of the step before.");
  nb::register_exception_translator(translate);
}

}  // namespace papilio::python
