#include "tensor/copy.h"

#include <cstddef>

#include "kernels/copy.h"
#include "kernels/cuda.h"
#include "tensor/creation.h"
#include "tensor/dry_run.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

void check_writable(const char* operation, const Tensor& dst) {
  check(dst.defined(), operation, ": the destination is undefined");
  for (int i = 0; i < dst.dim(); ++i) {
    check(dst.strides()[i] != 0 || dst.shape()[i] <= 1, operation,
          ": the destination is expanded (several elements share one place); clone it first");
  }
}

// Moves contiguous elements of one dtype between two devices, one of them the CPU.
void transfer(const Tensor& dst, const Tensor& src) {
  if (DryRun::active()) return;
  const size_t bytes = size_t(dst.numel()) * size_of(dst.dtype());
  if (dst.device().is_cpu())
    cuda::copy_to_host(dst.raw_data(), src.raw_data(), bytes, src.device().index);
  else
    cuda::copy_from_host(dst.raw_data(), src.raw_data(), bytes, dst.device().index);
}

}  // namespace

void copy_(const Tensor& dst, const Tensor& src) {
  check_writable("copy_", dst);
  check(src.defined(), "copy_: the source is undefined");
  const Layout from = src.layout().expand("copy_", dst.shape());
  if (dst.numel() == 0) return;
  if (!(dst.device() == src.device())) {
    // Elements travel as they are; layouts and dtypes change on the device that has them.
    const Tensor ready = contiguous_data(src.alias(from));
    const bool straight = dst.is_contiguous() && dst.dtype() == src.dtype() &&
                          (dst.device().is_cpu() || src.device().is_cpu());
    if (!straight) return copy_(dst, copy_of(ready, dst.device()));
    transfer(dst, ready);
    dst.storage()->bump_version();
    return;
  }
  // Two views of one memory may overlap: then the elements must be read before any is written.
  const bool shared = dst.storage() == src.storage();
  if (shared && from == dst.layout() && src.dtype() == dst.dtype()) return;
  pick(dst.device(), cpu::copy, cuda::copy)(
      view(dst), view(shared ? copy_of(src.alias(from)) : src.alias(from)));
  dst.storage()->bump_version();
}

void fill_(const Tensor& dst, double value) {
  check_writable("fill_", dst);
  if (dst.numel() == 0) return;
  pick(dst.device(), cpu::fill, cuda::fill)(view(dst), value);
  dst.storage()->bump_version();
}

Tensor copy_of(const Tensor& x, DType dtype) {
  check(x.defined(), "copy_of: the tensor is undefined");
  Tensor y = empty(x.shape(), {.dtype = dtype, .device = x.device()});
  copy_(y, x);
  return y;
}

Tensor copy_of(const Tensor& x) {
  return copy_of(x, x.dtype());
}

Tensor copy_of(const Tensor& x, Device device) {
  check(x.defined(), "copy_of: the tensor is undefined");
  if (x.device() == device) return copy_of(x);
  // From one GPU to another by way of the host.
  if (!x.device().is_cpu() && !device.is_cpu()) return copy_of(cpu_data(x), device);
  const Tensor from = contiguous_data(x);
  Tensor y = empty(x.shape(), {.dtype = x.dtype(), .device = device});
  if (y.numel() > 0) transfer(y, from);
  return y;
}

Tensor cpu_data(const Tensor& x) {
  return x.device().is_cpu() ? x.detach() : copy_of(x, Device::cpu());
}

Tensor contiguous_data(const Tensor& x) {
  return x.is_contiguous() ? x.detach() : copy_of(x);
}

}  // namespace papilio
