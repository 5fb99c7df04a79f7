#include "samples/python/src/python_batches.h"

#include <nanobind/stl/pair.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "samples/python/src/bindings.h"

namespace papilio::python {

std::string PythonBatches::name(int64_t position) const {
  return "batch " + std::to_string(position);
}

nn::Batch PythonBatches::batch(const std::vector<int64_t>&, Generator&) const {
  const nb::gil_scoped_acquire lock;
  auto [images, labels] = nb::cast<std::pair<Tensor, Tensor>>(next_());
  return {.inputs = std::move(images), .labels = std::move(labels)};
}

}  // namespace papilio::python
