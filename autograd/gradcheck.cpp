#include "autograd/gradcheck.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio {

namespace {

// A copy that keeps the strides, so that operations are checked on the layouts they were given.
Tensor copy_with_strides(const Tensor& x) {
  const auto bytes = int64_t(x.storage()->bytes());
  const auto whole = [&](const std::shared_ptr<Storage>& storage) {
    return Tensor(storage, Layout::contiguous({bytes}), DType::uint8);
  };
  auto storage = std::make_shared<Storage>(size_t(bytes), x.device());
  copy_(whole(storage), whole(x.storage()));
  return Tensor(std::move(storage), x.layout(), x.dtype());
}

// Place of the i-th element in row-major order, in the storage.
int64_t place_of(const Layout& layout, int64_t i) {
  int64_t place = layout.offset;
  for (int d = layout.rank() - 1; d >= 0; --d) {
    place += i % layout.shape[d] * layout.strides[d];
    i /= layout.shape[d];
  }
  return place;
}

// Weights in (-1, 1) that look random and are the same every time.
Tensor contraction_weights(const Dims& shape) {
  Tensor w = empty(shape, {.dtype = DType::float64});
  for (int64_t i = 0; i < w.numel(); ++i) w.data<double>()[i] = std::sin(1.7 + 12.9898 * double(i));
  return w;
}

}  // namespace

GradcheckResult gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                          const std::vector<Tensor>& inputs, GradcheckOptions options) {
  std::vector<Tensor> x;
  for (const Tensor& input : inputs) {
    x.push_back(input.defined() ? copy_with_strides(input) : input);
    if (input.defined() && input.dtype() == DType::float64) set_requires_grad(x.back());
  }
  const Tensor y = f(x);
  check(y.dtype() == DType::float64, "gradcheck: expected a float64 output, got ", y.dtype());
  const Tensor w = contraction_weights(y.shape());
  if (y.requires_grad()) backward(y, copy_of(w, y.device()));

  const auto loss = [&] {
    NoGrad no_grad;
    const std::vector<double> values = f(x).to_vector<double>();
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += values[i] * w.data<double>()[i];
    return sum;
  };
  for (size_t k = 0; k < x.size(); ++k) {
    if (!x[k].requires_grad()) continue;
    const Tensor dx = grad(x[k]);
    const std::vector<double> analytic =
        dx.defined() ? dx.to_vector<double>() : std::vector<double>(size_t(x[k].numel()), 0.0);
    for (int64_t i = 0; i < x[k].numel(); ++i) {
      const Tensor element = x[k].alias({{}, {}, place_of(x[k].layout(), i)});
      const double before = element.item();
      fill_(element, before + options.eps);
      const double above = loss();
      fill_(element, before - options.eps);
      const double below = loss();
      fill_(element, before);
      const double numeric = (above - below) / (2 * options.eps), value = analytic[size_t(i)];
      if (!(std::abs(value - numeric) <= options.atol + options.rtol * std::abs(numeric))) {
        return {false,
                str("input ", k, ", element ", i, ": analytic ", value, ", numeric ", numeric)};
      }
    }
  }
  return {true, ""};
}

}  // namespace papilio
