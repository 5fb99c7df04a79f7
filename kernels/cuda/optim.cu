#include "kernels/optim.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/cuda/row.h"
#include "kernels/cuda/tensor_table.h"

namespace papilio::cuda {
namespace {

template <class T>
struct Parameter {
  T *parameter, *first, *second;
  const T* gradient;
  double lr_scale, decay;
  int64_t n = 0, first_chunk = 0;
};

template <class T>
struct AdamW {
  T beta1, beta2, rest1, rest2, eps;
};
template <class T>
__global__ void adamw_chunks(const Parameter<T>* table, int count, AdamW<T> step, StepRates given,
                             const LiveStep* live) {
  if (live != nullptr && live->factor == 0) return;
  const StepRates rates = live != nullptr ? live->rates : given;
  const Parameter<T>& e = entry_of_block(table, count);
  const double lr = rates.lr * e.lr_scale;
  const T keep = T(1 - lr * e.decay), rate = T(lr / rates.correction1);
  const T root = T(1 / std::sqrt(rates.correction2));
  for (int64_t i = chunk_begin(e) + threadIdx.x; i < chunk_end(e); i += blockDim.x) {
    const T g = e.gradient[i];
    const T m = e.first[i] = step.beta1 * e.first[i] + step.rest1 * g;
    const T v = e.second[i] = step.beta2 * e.second[i] + step.rest2 * g * g;
    e.parameter[i] = keep * e.parameter[i] - rate * m / (std::sqrt(v) * root + step.eps);
  }
}

template <class T>
__global__ void sgd_chunks(const Parameter<T>* table, int count, T momentum, bool nesterov,
                           StepRates given, const LiveStep* live) {
  if (live != nullptr && live->factor == 0) return;
  const Parameter<T>& e = entry_of_block(table, count);
  const T lr = T((live != nullptr ? live->rates.lr : given.lr) * e.lr_scale), decay = T(e.decay);
  for (int64_t i = chunk_begin(e) + threadIdx.x; i < chunk_end(e); i += blockDim.x) {
    T g = e.gradient[i] + decay * e.parameter[i];
    if (e.first != nullptr) {
      const T b = e.first[i] = momentum * e.first[i] + g;
      g = nesterov ? g + momentum * b : b;
    }
    e.parameter[i] -= lr * g;
  }
}

struct Part {
  void* data;
  DType dtype;
  int64_t n = 0, first_chunk = 0;
};

// Calls f<T>() with an element type known to the kernel only.
template <class F>
__device__ void dispatch_element(DType dtype, F f) {
  switch (dtype) {
    case DType::float64:
      return f(double());
    case DType::bfloat16:
      return f(BFloat16());
    case DType::float16:
      return f(Float16());
    default:
      return f(float());
  }
}

__global__ void square_chunks(const Part* table, int count, double* partial) {
  const Part& e = entry_of_block(table, count);
  double sum = 0;
  dispatch_element(e.dtype, [&](auto type) {
    using T = decltype(type);
    const T* x = static_cast<const T*>(e.data);
    for (int64_t i = chunk_begin(e) + threadIdx.x; i < chunk_end(e); i += blockDim.x)
      sum += double(compute_t<T>(x[i])) * double(compute_t<T>(x[i]));
  });
  sum = join_block(sum, Plus());
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// One block.
__global__ void add_all(double* sum, const double* partial, int64_t n) {
  double mine = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) mine += partial[i];
  mine = join_block(mine, Plus());
  if (threadIdx.x == 0) *sum = mine;
}

// Makes loss, norm and factor of the sum of squares that add_all has left in live->norm.
__global__ void judge(LiveStep* live, const void* loss, DType dtype) {
  dispatch_element(dtype, [&](auto type) {
    using T = decltype(type);
    live->loss = double(compute_t<T>(*static_cast<const T*>(loss)));
  });
  const double norm = live->norm = std::sqrt(live->norm);
  if (!std::isfinite(norm) || !std::isfinite(live->loss))
    live->factor = 0;
  else
    live->factor = norm > live->max_norm ? live->max_norm / (norm + 1e-6) : 1;
}

__global__ void scale_chunks(const Part* table, int count, double given, const LiveStep* live) {
  const double factor = live != nullptr ? live->factor : given;
  if (live != nullptr && (factor == 0 || factor == 1)) return;
  const Part& e = entry_of_block(table, count);
  dispatch_element(e.dtype, [&](auto type) {
    using T = decltype(type);
    T* x = static_cast<T*>(e.data);
    for (int64_t i = chunk_begin(e) + threadIdx.x; i < chunk_end(e); i += blockDim.x)
      x[i] = T(compute_t<T>(x[i]) * compute_t<T>(factor));
  });
}

// The parameters of element type T.
template <class T>
Table<Parameter<T>> parameters(std::span<const ParameterSlot> slots) {
  Table<Parameter<T>> table;
  for (const ParameterSlot& s : slots)
    if (s.parameter.dtype == dtype_of<T>())
      table.add({s.parameter.as<T>(), s.first.as<T>(), s.second.as<T>(), s.gradient.as<T>(),
                 s.lr_scale, s.weight_decay},
                s.parameter.numel());
  return table;
}

template <class T>
void adamw_as(std::span<const ParameterSlot> slots, const AdamWStep& s, StepRates rates,
              const LiveStep* live) {
  parameters<T>(slots).launch_over(
      adamw_chunks<T>, AdamW<T>{T(s.beta1), T(s.beta2), T(1 - s.beta1), T(1 - s.beta2), T(s.eps)},
      rates, live);
}

template <class T>
void sgd_as(std::span<const ParameterSlot> slots, const SgdStep& s, StepRates rates,
            const LiveStep* live) {
  parameters<T>(slots).launch_over(sgd_chunks<T>, T(s.momentum), s.nesterov, rates, live);
}

template <class V>
Table<Part> parts(std::span<const V> tensors) {
  Table<Part> table;
  for (const V& x : tensors) table.add({const_cast<void*>(x.data), x.dtype}, x.numel());
  return table;
}

template <class V>
void sum_squares(double* sum, std::span<const V> tensors) {
  const Table<Part> table = parts(tensors);
  const Scratch<double> partial(table.chunks());
  table.launch_over(square_chunks, partial.data());
  launch(add_all, 1, kBlock, 0, stream(), sum, partial.data(), table.chunks());
}

}  // namespace

void adamw(std::span<const ParameterSlot> slots, AdamWStep step, StepRates rates) {
  adamw_as<float>(slots, step, rates, nullptr);
  adamw_as<double>(slots, step, rates, nullptr);
}

void adamw_live(std::span<const ParameterSlot> slots, AdamWStep step, const LiveStep* live) {
  adamw_as<float>(slots, step, {}, live);
  adamw_as<double>(slots, step, {}, live);
}

void sgd(std::span<const ParameterSlot> slots, SgdStep step, StepRates rates) {
  sgd_as<float>(slots, step, rates, nullptr);
  sgd_as<double>(slots, step, rates, nullptr);
}

void sgd_live(std::span<const ParameterSlot> slots, SgdStep step, const LiveStep* live) {
  sgd_as<float>(slots, step, {}, live);
  sgd_as<double>(slots, step, {}, live);
}

double sum_of_squares(std::span<const ConstView> tensors) {
  const Scratch<double> sum(1);
  sum_squares(sum.data(), tensors);
  double result = 0;
  copy_to_host(&result, sum.data(), sizeof(double), device_in_use());
  return result;
}

void find_clip_factor(LiveStep* live, ConstView loss, std::span<const View> gradients) {
  sum_squares(&live->norm, gradients);
  launch(judge, 1, 1, 0, stream(), live, loss.data, loss.dtype);
}

void scale(std::span<const View> tensors, double factor) {
  parts(tensors).launch_over(scale_chunks, factor, static_cast<const LiveStep*>(nullptr));
}

void clip(std::span<const View> gradients, const LiveStep* live) {
  parts(gradients).launch_over(scale_chunks, 1.0, live);
}

}  // namespace papilio::cuda
