#include "tensor/tensor.h"

#include "tensor/copy.h"

namespace papilio {

Tensor::Tensor(std::shared_ptr<Storage> storage, Layout layout, DType dtype)
    : storage_(std::move(storage)), layout_(layout), dtype_(dtype) {}

void* Tensor::raw_data() const {
  check(defined(), "data: the tensor is undefined");
  auto* bytes = static_cast<std::byte*>(storage_->data());
  return bytes == nullptr ? nullptr : bytes + size_t(layout_.offset) * size_of(dtype_);
}

void Tensor::check_type(DType wanted) const {
  check(defined(), "data: the tensor is undefined");
  check(dtype_ == wanted, "data: asked for ", wanted, " elements of a tensor of ", dtype_);
}

double Tensor::item_as_double() const {
  check(defined() && numel() == 1, "item: expected a tensor with one element, got ",
        defined() ? str("shape ", shape()) : std::string("an undefined one"));
  double value = 0;
  dispatch_all(dtype_,
               [&]<class T>() { value = double(compute_t<T>(*static_cast<T*>(raw_data()))); });
  return value;
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  check(defined(), "to_vector: the tensor is undefined");
  const Tensor x = contiguous_data(*this);
  std::vector<T> values(size_t(x.numel()));
  dispatch_all(dtype_, [&]<class S>() {
    const S* data = static_cast<const S*>(x.raw_data());
    for (size_t i = 0; i < values.size(); ++i) values[i] = T(compute_t<S>(data[i]));
  });
  return values;
}

template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<int64_t> Tensor::to_vector() const;
template std::vector<int32_t> Tensor::to_vector() const;
template std::vector<uint8_t> Tensor::to_vector() const;
template std::vector<bool> Tensor::to_vector() const;

Tensor Tensor::alias(Layout layout) const {
  return Tensor(storage_, layout, dtype_);
}

View view(const Tensor& x) {
  View v{x.raw_data(), x.dtype(), x.dim(), {}, {}};
  for (int i = 0; i < x.dim(); ++i) v.shape[i] = x.shape()[i], v.strides[i] = x.strides()[i];
  return v;
}

}  // namespace papilio
