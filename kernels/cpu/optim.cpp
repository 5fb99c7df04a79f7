#include "kernels/optim.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/chunks.h"

namespace papilio::cpu {

namespace {

template <class T>
void adamw_chunk(const ParameterSlot& s, const Chunk& c, const AdamWStep& step,
                 const StepRates& rates) {
  T* p = s.parameter.as<T>();
  T* m = s.first.as<T>();
  T* v = s.second.as<T>();
  const T* g = s.gradient.as<T>();
  const T beta1 = T(step.beta1), beta2 = T(step.beta2), eps = T(step.eps);
  const T rest1 = T(1 - step.beta1), rest2 = T(1 - step.beta2);  // 1 - 0.999f would be 1e-5 off
  const double lr = rates.lr * s.lr_scale;
  const T keep = T(1 - lr * s.weight_decay), rate = T(lr / rates.correction1);
  const T root = T(1 / std::sqrt(rates.correction2));
#pragma omp simd
  for (int64_t i = c.begin; i < c.end; ++i) {
    m[i] = beta1 * m[i] + rest1 * g[i];
    v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
    p[i] = keep * p[i] - rate * m[i] / (std::sqrt(v[i]) * root + eps);
  }
}

template <class T>
void sgd_chunk(const ParameterSlot& s, const Chunk& c, const SgdStep& step,
               const StepRates& rates) {
  T* p = s.parameter.as<T>();
  T* b = s.first.as<T>();
  const T* g = s.gradient.as<T>();
  const T lr = T(rates.lr * s.lr_scale), decay = T(s.weight_decay), momentum = T(step.momentum);
  if (b == nullptr) {
#pragma omp simd
    for (int64_t i = c.begin; i < c.end; ++i) p[i] -= lr * (g[i] + decay * p[i]);
    return;
  }
  const T look_ahead = step.nesterov ? momentum : T(1);
  const T now = step.nesterov ? T(1) : T(0);
#pragma omp simd
  for (int64_t i = c.begin; i < c.end; ++i) {
    const T gradient = g[i] + decay * p[i];
    b[i] = momentum * b[i] + gradient;
    p[i] -= lr * (now * gradient + look_ahead * b[i]);
  }
}

}  // namespace

void adamw(std::span<const ParameterSlot> slots, AdamWStep step, StepRates rates) {
  const auto size = [&](size_t i) { return slots[i].parameter.numel(); };
  for_each_chunk(slots.size(), size, [&](const Chunk& c, size_t) {
    const ParameterSlot& s = slots[c.tensor];
    s.parameter.dtype == DType::float64 ? adamw_chunk<double>(s, c, step, rates)
                                        : adamw_chunk<float>(s, c, step, rates);
  });
}

void sgd(std::span<const ParameterSlot> slots, SgdStep step, StepRates rates) {
  const auto size = [&](size_t i) { return slots[i].parameter.numel(); };
  for_each_chunk(slots.size(), size, [&](const Chunk& c, size_t) {
    const ParameterSlot& s = slots[c.tensor];
    s.parameter.dtype == DType::float64 ? sgd_chunk<double>(s, c, step, rates)
                                        : sgd_chunk<float>(s, c, step, rates);
  });
}

double sum_of_squares(std::span<const ConstView> tensors) {
  const auto size = [&](size_t i) { return tensors[i].numel(); };
  size_t count = 0;
  for (const ConstView& t : tensors) count += size_t((t.numel() + kChunk - 1) / kChunk);
  std::vector<double> partial(count);
  for_each_chunk(tensors.size(), size, [&](const Chunk& c, size_t index) {
    dispatch_floating(tensors[c.tensor].dtype, [&]<class T>() {
      const T* x = tensors[c.tensor].template as<T>();
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = c.begin; i < c.end; ++i)
        sum += double(compute_t<T>(x[i])) * double(compute_t<T>(x[i]));
      partial[index] = sum;
    });
  });
  double sum = 0;
  for (double part : partial) sum += part;
  return sum;
}

void scale(std::span<const View> tensors, double factor) {
  const auto size = [&](size_t i) { return tensors[i].numel(); };
  for_each_chunk(tensors.size(), size, [&](const Chunk& c, size_t) {
    dispatch_floating(tensors[c.tensor].dtype, [&]<class T>() {
      T* x = tensors[c.tensor].template as<T>();
      const auto f = compute_t<T>(factor);
#pragma omp simd
      for (int64_t i = c.begin; i < c.end; ++i) x[i] = T(compute_t<T>(x[i]) * f);
    });
  });
}

}  // namespace papilio::cpu
