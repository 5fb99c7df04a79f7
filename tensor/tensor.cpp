#include "tensor/tensor.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "kernels/convert.h"
#include "tensor/copy.h"
#include "tensor/dry_run.h"

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
  check(device().is_cpu(), "data: the tensor is on ", device(), "; copy it to the CPU first");
}

template <class T>
T Tensor::item() const {
  check(defined() && numel() == 1, "item: expected a tensor with one element, got ",
        defined() ? str("shape ", shape()) : std::string("an undefined one"));
  T value{};
  const Tensor x = cpu_data(*this);
  dispatch_all(dtype_,
               [&]<class S>() { value = convert<T>(*static_cast<const S*>(x.raw_data())); });
  return value;
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  check(defined(), "to_vector: the tensor is undefined");
  const Tensor x = contiguous_data(cpu_data(*this));
  std::vector<T> values(size_t(x.numel()));
  dispatch_all(dtype_, [&]<class S>() {
    const S* data = static_cast<const S*>(x.raw_data());
    for (size_t i = 0; i < values.size(); ++i) values[i] = convert<T>(data[i]);
  });
  return values;
}

#define PAPILIO_INSTANTIATE(T)     \
  template T Tensor::item() const; \
  template std::vector<T> Tensor::to_vector() const;
PAPILIO_INSTANTIATE(float)
PAPILIO_INSTANTIATE(double)
PAPILIO_INSTANTIATE(int64_t)
PAPILIO_INSTANTIATE(int32_t)
PAPILIO_INSTANTIATE(uint8_t)
PAPILIO_INSTANTIATE(bool)
#undef PAPILIO_INSTANTIATE

Tensor Tensor::alias(Layout layout) const {
  return Tensor(storage_, layout, dtype_);
}

View view(const Tensor& x) {
  // No kernel of a dry run looks at it.
  View v{DryRun::active() ? nullptr : x.raw_data(), x.dtype(), x.dim(), {}, {}};
  for (int i = 0; i < x.dim(); ++i) v.shape[i] = x.shape()[i], v.strides[i] = x.strides()[i];
  return v;
}

}  // namespace papilio
