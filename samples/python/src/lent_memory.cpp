#include "samples/python/src/lent_memory.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "autograd/ops/shape.h"
#include "samples/python/src/read_only.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::python {

void Lender::lends() const {
  if (stream) stream->ours_waits();
}

void Lender::gets_back() const noexcept {
  if (stream) return stream->waits_for_ours_at_the_end();
  try {
    synchronize(device);
  } catch (const Error&) {
    // A failure of the device, of which whoever waits next hears; or a graph is being recorded, in
    // which nobody can wait: the module offers none today.
  }
}

Tensor on_memory(Described d, std::shared_ptr<void> owner, std::optional<bool> copy) {
  const TensorOptions options{.dtype = d.dtype, .device = d.device};
  const Layout whole = Layout::contiguous(d.shape, "asarray");
  if (whole.numel() == 0) return empty(d.shape, options);
  Dims reversed;
  int64_t last = 0;
  for (int i = 0; i < d.shape.size(); ++i) {
    const int64_t reach = (d.shape[i] - 1) * d.strides[i];
    if (reach < 0) {
      reversed.push_back(i);
      d.data += reach * int64_t(size_of(d.dtype));
      d.strides[i] = -d.strides[i];
    }
    last += reach < 0 ? -reach : reach;
  }
  check(
      copy != false || reversed.empty(),
      "asarray: the array has negative strides, which only a copy can have; leave copy=False out");
  auto storage = std::make_shared<Storage>(d.data, size_t(last + 1) * size_of(d.dtype),
                                           std::move(owner), d.device);
  Tensor x(storage, {d.shape, d.strides, 0}, d.dtype);
  if (!reversed.empty() || copy == true) {
    const nanobind::gil_scoped_release others;
    return reversed.empty() ? copy_of(x) : flip(x, reversed);
  }
  if (d.read_only) mark_read_only(storage);
  return x;
}

}  // namespace papilio::python
