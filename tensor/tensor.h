// The array type. A Tensor is a value handle: copying it copies no elements, both handles see the
// same memory.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/view.h"
#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/layout.h"
#include "tensor/storage.h"

namespace papilio {

struct Node;  // autograd/node.h; nothing in tensor/ looks inside

class Tensor {
 public:
  Tensor() = default;  // undefined: no storage, used for "absent"
  // A view of the storage, which has room for it.
  Tensor(std::shared_ptr<Storage> storage, Layout layout, DType dtype);

  // False for the undefined tensor.
  bool defined() const { return storage_ != nullptr; }
  explicit operator bool() const { return defined(); }

  const Dims& shape() const { return layout_.shape; }      // the size of each dimension
  const Dims& strides() const { return layout_.strides; }  // in elements
  const Layout& layout() const { return layout_; }         // both, and the offset in the storage
  int dim() const { return layout_.rank(); }               // the number of dimensions
  // The size of one dimension; -1 is the last. Throws ArgumentError for one that there is not.
  int64_t size(int dim) const { return layout_.shape[wrap_dim("size", dim, layout_.rank())]; }
  int64_t numel() const { return layout_.numel(); }  // the number of elements
  // True if the elements lie in row-major order without gaps.
  bool is_contiguous() const { return layout_.is_contiguous(); }
  DType dtype() const { return dtype_; }  // of every element
  // Where the elements are; the CPU for the undefined tensor.
  Device device() const { return storage_ ? storage_->device() : Device::cpu(); }
  const std::shared_ptr<Storage>& storage() const { return storage_; }  // shared with its views

  // First element, of a tensor on the CPU. T must be the dtype's C++ type (both checked). Strides
  // are the caller's business.
  template <class T>
  T* data() const {
    check_type(dtype_of<T>());
    return static_cast<T*>(raw_data());
  }
  // The same of any dtype and on any device, for kernels.
  void* raw_data() const;

  // The only element of a one-element tensor, converted to T (a dtype's C++ type, double if none is
  // given) as copies convert: kernels/copy.h.
  template <class T = double>
  T item() const;
  // All elements in row-major order, converted in the same way.
  template <class T = float>
  std::vector<T> to_vector() const;

  // Another view of the same memory, without gradient. `layout` must stay inside the storage.
  Tensor alias(Layout layout) const;
  // The same memory without gradient.
  Tensor detach() const { return alias(layout_); }

  // True for leaves that collect a gradient and for everything computed from them.
  bool requires_grad() const { return node_ != nullptr; }
  // What was recorded of how it was computed; null without a gradient.
  const std::shared_ptr<Node>& node() const { return node_; }
  void set_node(std::shared_ptr<Node> node) { node_ = std::move(node); }

 private:
  void check_type(DType wanted) const;

  std::shared_ptr<Storage> storage_;
  Layout layout_;
  DType dtype_ = DType::float32;
  std::shared_ptr<Node> node_;
};

// The kernels' view of a tensor.
View view(const Tensor& x);

}  // namespace papilio
