// New tensors from values.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace papilio {

struct TensorOptions {
  DType dtype = DType::float32;
  Device device = Device::cpu();
};

// Uninitialised, zeros, ones, or `value` in every element. Throw ArgumentError for a negative size,
// OutOfMemoryError.
Tensor empty(const Dims& shape, TensorOptions options = {});
Tensor zeros(const Dims& shape, TensorOptions options = {});
Tensor ones(const Dims& shape, TensorOptions options = {});
Tensor full(const Dims& shape, double value, TensorOptions options = {});
// 0, 1, ..., n - 1
Tensor arange(int64_t n, TensorOptions options = {.dtype = DType::int64});
// n values from first to last, both included.
Tensor linspace(double first, double last, int64_t n, TensorOptions options = {});
// (n, n) identity.
Tensor eye(int64_t n, TensorOptions options = {});
Tensor empty_like(const Tensor& x);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);

// A copy of row-major `values`, in T's own dtype (tensor<float>({...}, {2, 3})).
template <class T>
Tensor tensor(const std::vector<T>& values, const Dims& shape);
// A 1-d tensor.
template <class T>
Tensor tensor(const std::vector<T>& values) {
  return tensor<T>(values, Dims{int64_t(values.size())});
}
// A 0-d tensor.
Tensor scalar(double value, TensorOptions options = {});

}  // namespace papilio
