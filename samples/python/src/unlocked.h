// Waiting for a GPU lets other Python threads run.
#pragma once

#include <nanobind/nanobind.h>

#include "tensor/device.h"

namespace papilio::python {

// f(), which waits for `device`, called with Python's lock held. It is let go for a GPU: what its
// streams were asked for may be a callback that wants the lock.
template <class F>
auto unlocked(Device device, F f) {
  if (device.is_cpu()) return f();
  const nanobind::gil_scoped_release others;
  return f();
}

}  // namespace papilio::python
