#include "autograd/autocast.h"

#include <algorithm>
#include <utility>

#include "autograd/ops/cast.h"
#include "tensor/error.h"

namespace papilio {

namespace {

thread_local DType product_dtype = DType::float32;  // float32: no scope, or one that is off

bool is_cast(const Tensor& x) {
  return x.defined() && is_floating(x.dtype()) && x.dtype() != DType::float64;
}

// The narrowest dtype that holds the values of both.
DType wider(DType a, DType b) {
  if (a == b) return a;
  return size_of(a) == size_of(b) ? DType::float32 : size_of(a) > size_of(b) ? a : b;
}

}  // namespace

Autocast::Autocast(DType dtype) : before_(product_dtype) {
  check(dtype == DType::bfloat16 || dtype == DType::float32,
        "Autocast: expected bfloat16, or float32 for none, got ", dtype);
  product_dtype = dtype;
}

Autocast::~Autocast() {
  product_dtype = before_;
}

bool autocast_enabled() {
  return product_dtype != DType::float32;
}

DType autocast_dtype() {
  return product_dtype;
}

namespace autocast {

Tensor to_product(const Tensor& x) {
  return autocast_enabled() && is_cast(x) ? cast(x, product_dtype) : x;
}
Tensor to_float32(const Tensor& x) {
  return autocast_enabled() && is_cast(x) ? cast(x, DType::float32) : x;
}

bool mixed(const Tensor& a, const Tensor& b) {
  return autocast_enabled() && a.dtype() != b.dtype() && is_floating(a.dtype()) &&
         is_floating(b.dtype()) && a.defined() && b.defined();
}

bool mixed(const std::vector<Tensor>& tensors) {
  return std::ranges::any_of(tensors, [&](const Tensor& x) { return mixed(tensors[0], x); });
}

std::vector<Tensor> widest(const std::vector<Tensor>& tensors) {
  DType dtype = tensors[0].dtype();
  for (const Tensor& x : tensors)
    if (is_floating(x.dtype())) dtype = wider(dtype, x.dtype());
  std::vector<Tensor> result;
  result.reserve(tensors.size());
  for (const Tensor& x : tensors)
    result.push_back(x.defined() && is_floating(x.dtype()) ? cast(x, dtype) : x);
  return result;
}

Tensor in_widest(Tensor (*operation)(const Tensor&, const Tensor&), const Tensor& a,
                 const Tensor& b) {
  const std::vector<Tensor> both = widest({a, b});
  return operation(both[0], both[1]);
}

}  // namespace autocast
}  // namespace papilio
