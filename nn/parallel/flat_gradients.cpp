#include <algorithm>
#include <utility>

#include "autograd/backward.h"
#include "nn/parallel/detail/flat_gradients.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::nn {

FlatGradients::FlatGradients(std::vector<Tensor> parameters) : parameters_(std::move(parameters)) {
  for (const Tensor& p : parameters_) {
    check(p.dtype() == DType::float32, "data-parallel training: expected float32 parameters, got ",
          p.dtype());
    offsets_.push_back(size_);
    size_ += p.numel();
  }
  size_ += int64_t(parameters_.size());
}

void FlatGradients::put(size_t i, const Tensor& one, const Tensor& two,
                        std::span<float> flat) const {
  const auto numel = size_t(parameters_[i].numel());
  const std::span<float> to = flat.subspan(size_t(offsets_[i]), numel);
  std::ranges::fill(to, 0.0f);
  for (const Tensor* gradient : {&one, &two}) {
    if (!gradient->defined()) continue;
    const Tensor host = contiguous_data(cpu_data(*gradient));
    const float* from = host.data<float>();
    if (gradient == &one) {
      std::copy_n(from, numel, to.begin());
    } else {
      std::transform(to.begin(), to.end(), from, to.begin(),
                     [](float a, float b) { return a + b; });
    }
  }
  flat[flat.size() - parameters_.size() + i] = float(one.defined() || two.defined());
}

void FlatGradients::pack(std::span<float> flat) const {
  for (size_t i = 0; i < parameters_.size(); ++i) put(i, grad(parameters_[i]), {}, flat);
}

void FlatGradients::unpack(std::span<const float> flat, double factor) const {
  const auto scale = float(factor);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& p = parameters_[i];
    if (flat[flat.size() - parameters_.size() + i] == 0) {
      zero_grad(p);
      continue;
    }
    Tensor g = p.device().is_cpu() ? grad(p) : Tensor();
    if (!g.defined()) g = empty(p.shape());
    const float* from = flat.data() + offsets_[i];
    float* to = g.data<float>();
    if (factor == 1) {
      std::copy_n(from, p.numel(), to);
    } else {
      std::transform(from, from + p.numel(), to, [scale](float x) { return x * scale; });
    }
    set_grad(p, p.device().is_cpu() ? g : copy_of(g, p.device()));
  }
}

}  // namespace papilio::nn
