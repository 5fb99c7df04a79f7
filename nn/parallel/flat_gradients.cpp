#include <utility>

#include "autograd/backward.h"
#include "kernels/elementwise.h"
#include "kernels/optim.h"
#include "nn/parallel/detail/flat_gradients.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tensor/pick.h"

namespace papilio::nn {

namespace {

Tensor part(const Tensor& flat, int64_t offset, const Dims& shape) {
  Layout layout = Layout::contiguous(shape);
  layout.offset = offset;
  return flat.alias(layout);
}

}  // namespace

FlatGradients::FlatGradients(std::vector<Tensor> parameters) : parameters_(std::move(parameters)) {
  for (const Tensor& p : parameters_) {
    check(p.dtype() == DType::float32, "data-parallel training: expected float32 parameters, got ",
          p.dtype());
    offsets_.push_back(size_);
    size_ += p.numel();
  }
  size_ += int64_t(parameters_.size());
}

void FlatGradients::put(size_t i, const Tensor& one, const Tensor& two, const Tensor& flat) const {
  const Tensor to = part(flat, offsets_[i], parameters_[i].shape());
  const Device device = flat.device();
  const Tensor& first = one.defined() ? one : two;
  if (!first.defined()) {
    fill_(to, 0);
  } else {
    copy_(to, first);
  }
  if (one.defined() && two.defined()) {
    const Tensor there = two.device() == device ? two : copy_of(two, device);
    pick(device, cpu::add_to, cuda::add_to)(view(to), view(there));
  }
  const int64_t marks = size_ - int64_t(parameters_.size());
  fill_(part(flat, marks + int64_t(i), {1}), first.defined() ? 1 : 0);
}

void FlatGradients::pack(const Tensor& flat) const {
  for (size_t i = 0; i < parameters_.size(); ++i) put(i, grad(parameters_[i]), {}, flat);
}

void FlatGradients::unpack(const Tensor& flat, double factor) const {
  const auto count = int64_t(parameters_.size());
  const std::vector<float> marks = part(flat, size_ - count, {count}).to_vector();
  std::vector<View> scaled;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& p = parameters_[i];
    if (marks[i] == 0) {
      zero_grad(p);
      continue;
    }
    Tensor g = grad(p);
    if (!g.defined()) g = empty(p.shape(), {.device = p.device()});
    copy_(g, part(flat, offsets_[i], p.shape()));
    set_grad(p, g);
    scaled.push_back(view(g));
  }
  if (factor == 1 || scaled.empty()) return;
  pick(parameters_[0].device(), cpu::scale, cuda::scale)(scaled, factor);
}

}  // namespace papilio::nn
