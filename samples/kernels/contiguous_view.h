// Plain memory as a kernel's contiguous float32 view.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "kernels/view.h"

namespace papilio::cuda::study {

template <class V, class Pointer>
V contiguous_view(Pointer data, std::initializer_list<int64_t> shape) {
  V v{data, DType::float32, int(shape.size()), {}, {}};
  int64_t stride = 1;
  for (int i = v.rank - 1; i >= 0; --i) {
    v.shape[i] = shape.begin()[i];
    v.strides[i] = stride;
    stride *= v.shape[i];
  }
  return v;
}

inline View view(float* data, std::initializer_list<int64_t> shape) {
  return contiguous_view<View>(data, shape);
}
inline ConstView view(const float* data, std::initializer_list<int64_t> shape) {
  return contiguous_view<ConstView>(data, shape);
}
inline View view(std::vector<float>& values, std::initializer_list<int64_t> shape) {
  return view(values.data(), shape);
}
inline ConstView view(const std::vector<float>& values, std::initializer_list<int64_t> shape) {
  return view(values.data(), shape);
}

}  // namespace papilio::cuda::study
