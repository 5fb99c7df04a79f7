#include "autograd/anomaly.h"

#include <algorithm>
#include <cmath>

#include "tensor/copy.h"

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

}  // namespace

bool has_nan(const Tensor& x) {
  return any_element(x, [](auto v) { return std::isnan(v); });
}

bool all_finite(const Tensor& x) {
  return !any_element(x, [](auto v) { return !std::isfinite(v); });
}

void check_no_new_nan(const char* operation, const char* pass, const Tensor& made,
                      std::span<const Tensor> from) {
  if (!has_nan(made) || std::any_of(from.begin(), from.end(), has_nan)) return;
  throw Error(str(operation, ": the ", pass, " pass made a NaN (output of shape ", made.shape(),
                  ") from inputs without one"));
}

}  // namespace papilio
