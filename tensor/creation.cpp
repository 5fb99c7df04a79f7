#include "tensor/creation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "kernels/convert.h"
#include "tensor/copy.h"

namespace papilio {

Tensor empty(const Dims& shape, TensorOptions options) {
  check_available("empty", options.device);
  const Layout layout = Layout::contiguous(shape, "empty");
  size_t bytes = 0;
  check<OutOfMemoryError>(
      !__builtin_mul_overflow(size_t(layout.numel()), size_of(options.dtype), &bytes),
      "empty: shape ", shape, " of ", options.dtype, " needs more than 2^64 bytes");
  return Tensor(std::make_shared<Storage>(bytes, options.device), layout, options.dtype);
}

Tensor full(const Dims& shape, double value, TensorOptions options) {
  Tensor x = empty(shape, options);
  fill_(x, value);
  return x;
}

Tensor zeros(const Dims& shape, TensorOptions options) {
  return full(shape, 0, options);
}
Tensor ones(const Dims& shape, TensorOptions options) {
  return full(shape, 1, options);
}
Tensor scalar(double value, TensorOptions options) {
  return full({}, value, options);
}

namespace {

// x[i] = f(i), converted to x's dtype.
template <class F>
Tensor generate(int64_t n, TensorOptions options, F&& f) {
  const Tensor x = empty({n}, {.dtype = options.dtype});
  dispatch_all(options.dtype, [&]<class T>() {
    T* data = x.data<T>();
    for (int64_t i = 0; i < n; ++i) data[i] = convert<T>(f(i));
  });
  return options.device.is_cpu() ? x : copy_of(x, options.device);
}

}  // namespace

Tensor arange(int64_t n, TensorOptions options) {
  check(n >= 0, "arange: expected n >= 0, got ", n);
  return generate(n, options, [](int64_t i) { return double(i); });
}

Tensor linspace(double first, double last, int64_t n, TensorOptions options) {
  check(n >= 0, "linspace: expected n >= 0, got ", n);
  const double step = n > 1 ? (last - first) / double(n - 1) : 0;
  return generate(n, options,
                  [=](int64_t i) { return i > 0 && i == n - 1 ? last : first + step * double(i); });
}

Tensor eye(int64_t n, TensorOptions options) {
  Tensor x = zeros({n, n}, options);
  fill_(x.alias({{n}, {n + 1}, 0}), 1);
  return x;
}

Tensor empty_like(const Tensor& x) {
  return empty(x.shape(), {.dtype = x.dtype(), .device = x.device()});
}
Tensor zeros_like(const Tensor& x) {
  return zeros(x.shape(), {.dtype = x.dtype(), .device = x.device()});
}
Tensor ones_like(const Tensor& x) {
  return ones(x.shape(), {.dtype = x.dtype(), .device = x.device()});
}

template <class T>
Tensor tensor(const std::vector<T>& values, const Dims& shape) {
  Tensor x = empty(shape, {.dtype = dtype_of<T>()});
  check(x.numel() == int64_t(values.size()), "tensor: shape ", shape, " has ", x.numel(),
        " elements, got ", values.size(), " values");
  std::copy(values.begin(), values.end(), x.data<T>());
  return x;
}

template Tensor tensor(const std::vector<float>&, const Dims&);
template Tensor tensor(const std::vector<double>&, const Dims&);
template Tensor tensor(const std::vector<BFloat16>&, const Dims&);
template Tensor tensor(const std::vector<Float16>&, const Dims&);
template Tensor tensor(const std::vector<int64_t>&, const Dims&);
template Tensor tensor(const std::vector<int32_t>&, const Dims&);
template Tensor tensor(const std::vector<uint8_t>&, const Dims&);
template Tensor tensor(const std::vector<bool>&, const Dims&);

}  // namespace papilio
