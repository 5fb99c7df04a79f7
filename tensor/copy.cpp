#include "tensor/copy.h"

#include "kernels/copy.h"
#include "tensor/creation.h"

namespace papilio {

namespace {

void check_writable(const char* operation, const Tensor& dst) {
  check(dst.defined(), operation, ": the destination is undefined");
  for (int i = 0; i < dst.dim(); ++i) {
    check(dst.strides()[i] != 0 || dst.shape()[i] <= 1, operation,
          ": the destination is expanded (several elements share one place); clone it first");
  }
}

}  // namespace

void copy_(const Tensor& dst, const Tensor& src) {
  check_writable("copy_", dst);
  check(src.defined(), "copy_: the source is undefined");
  check(dst.device() == src.device(), "copy_: expected one device, got ", dst.device(), " and ",
        src.device());
  const Layout from = src.layout().expand("copy_", dst.shape());
  if (dst.numel() == 0) return;
  // Two views of one memory may overlap: then the elements must be read before any is written.
  const bool shared = dst.storage() == src.storage();
  if (shared && from == dst.layout() && src.dtype() == dst.dtype()) return;
  cpu::copy(view(dst), view(shared ? copy_of(src.alias(from)) : src.alias(from)));
  dst.storage()->bump_version();
}

void fill_(const Tensor& dst, double value) {
  check_writable("fill_", dst);
  if (dst.numel() == 0) return;
  cpu::fill(view(dst), value);
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

Tensor contiguous_data(const Tensor& x) {
  return x.is_contiguous() ? x.detach() : copy_of(x);
}

}  // namespace papilio
