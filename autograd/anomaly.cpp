#include "autograd/anomaly.h"

#include <algorithm>
#include <cmath>

#include "kernels/optim.h"
#include "tensor/copy.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

// Is f true of any element? f takes the element in the type it is computed in.
template <class F>
bool any_element(const Tensor& x, F&& f) {
  if (!x.defined() || !is_floating(x.dtype())) return false;
  const Tensor values = contiguous_data(cpu_data(x));
  bool found = false;
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T* data = values.data<T>();
    found = std::any_of(data, data + values.numel(), [&](T v) { return f(compute_t<T>(v)); });
  });
  return found;
}

// On a device: the sum of all squares there: a NaN leaves a NaN, an infinity an infinity.
double sum_of_squares(const Tensor& x) {
  const Tensor dense = contiguous_data(x);
  const ConstView values = view(dense);
  return pick(x.device(), cpu::sum_of_squares, cuda::sum_of_squares)({&values, 1});
}
bool on_device(const Tensor& x) {
  return x.defined() && is_floating(x.dtype()) && !x.device().is_cpu();
}

}  // namespace

bool has_nan(const Tensor& x) {
  if (on_device(x)) return std::isnan(sum_of_squares(x));
  return any_element(x, [](auto v) { return std::isnan(v); });
}

bool all_finite(const Tensor& x) {
  // Squares of float64 may overflow: only a finite sum of them tells.
  if (on_device(x) && std::isfinite(sum_of_squares(x))) return true;
  return !any_element(x, [](auto v) { return !std::isfinite(v); });
}

void check_no_new_nan(const char* operation, const char* pass, const Tensor& made,
                      std::span<const Tensor> from) {
  if (!has_nan(made) || std::any_of(from.begin(), from.end(), has_nan)) return;
  throw Error(str(operation, ": the ", pass, " pass made a NaN (output of shape ", made.shape(),
                  ") from inputs without one"));
}

}  // namespace papilio
