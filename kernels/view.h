// What a kernel sees of a tensor: a pointer, an element type, sizes and strides (in elements).
//
// Contract of every kernel: its header says which arguments may be strided; all others are
// contiguous, and the operation makes them so. Views arrive already broadcast (stride 0) to the
// output's shape. Outputs never alias inputs unless the header allows it. Kernels check nothing,
// allocate nothing that outlives them, and throw nothing.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/dtype.h"
#include "kernels/host_device.h"

namespace papilio {

constexpr int kMaxRank = 8;

// Address, dtype, shape and strides (in elements) of a tensor; owns nothing.
template <class Void>
struct BasicView {
  Void* data = nullptr;  // first element; the layout's offset is already applied
  DType dtype = DType::float32;
  int rank = 0;
  int64_t shape[kMaxRank] = {};
  int64_t strides[kMaxRank] = {};

  // The elements as T, unchecked.
  template <class T>
  auto* as() const {
    return static_cast<std::conditional_t<std::is_const_v<Void>, const T, T>*>(data);
  }
  // The number of elements.
  int64_t numel() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= shape[i];
    return n;
  }
  // Size of dimension i; negative i counts from the end.
  int64_t size(int i) const { return shape[i < 0 ? i + rank : i]; }

  // A kernel that reads takes a view that may be written.
  operator BasicView<const void>() const requires(!std::is_const_v<Void>) {
    BasicView<const void> v{data, dtype, rank, {}, {}};
    for (int i = 0; i < rank; ++i) v.shape[i] = shape[i], v.strides[i] = strides[i];
    return v;
  }
};

// What a kernel writes, and what it reads.
using View = BasicView<void>;
using ConstView = BasicView<const void>;

}  // namespace papilio
