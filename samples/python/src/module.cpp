// The module papilio._core. The package papilio gives its names to users.
#include <nanobind/nanobind.h>

#include <nanobind/stl/string.h>

#include <string>

#include "kernels/products.h"
#include "kernels/threads.h"
#include "samples/python/src/bindings.h"
#include "tensor/device.h"
#include "tensor/storage.h"

namespace {
bool forked = false;  // OpenMP's threads are the parent's: waiting for them would never end
}

NB_MODULE(_core, m) {
  using namespace papilio::python;
  namespace nb = nanobind;

  m.doc() = "Papilio's tensors, automatic differentiation and orthogonal finetuning, compiled.";
  m.attr("__version__") = PAPILIO_VERSION;
  nb::set_leak_warnings(false);  // what a traceback or a global holds at the end is no leak
  bind_errors(m);
  bind_tensor(m);
  bind_creation(m);
  bind_operations(m);
  bind_method(m);
  bind_autograd(m);
  bind_models(m);
  bind_adapters(m);
  bind_training(m);
  bind_figures(m);

  m.def("cuda_device_count", papilio::cuda_device_count,
        "GPUs that this build and this machine can use: \"cuda:0\" and so on.");
  m.def("num_threads", papilio::num_threads,
        "Threads that every operation uses, of OpenMP's one pool.");
  m.def(
      "set_num_threads",
      [](int count) {
        papilio::check(count >= 1, "set_num_threads: expected 1 or more, got ", count);
        papilio::check<papilio::Error>(
            count == 1 || !forked,
            "set_num_threads: this process was forked, which no pool of threads "
            "outlives: it has one (multiprocessing's \"spawn\" starts processes that have more)");
        papilio::set_num_threads(count);
      },
      nb::arg("count"),
      "From the next operation on. Results of matrix products depend on it, in their last bits.");
  m.def(
      "products", [] { return std::string(papilio::name(papilio::products())); },
      "What multiplies matrices of 16 bits: \"onednn\" by the processor's instructions for them,\n"
      "\"openblas\" by way of float32, several times slower. PAPILIO_PRODUCTS chooses another.");
  m.def("_after_fork_in_child", [] {
    forked = true;
    papilio::set_num_threads(1);
  });
  m.def(
      "memory_stats",
      [] {
        const papilio::MemoryStats stats = papilio::memory_stats();
        nb::dict d;
        d["in_use"] = stats.in_use;
        d["cached"] = stats.cached;
        d["peak_in_use"] = stats.peak_in_use;
        return d;
      },
      nb::sig("def memory_stats() -> dict[str, int]"),
      "Bytes of the CPU's memory: `in_use` by tensors, `cached` for the next ones, `peak_in_use`.");
  m.def("empty_cache", papilio::empty_cache, "Returns cached memory to the system.");
}
