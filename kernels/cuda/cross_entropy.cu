#include "kernels/cross_entropy.h"

#include <cmath>

#include "kernels/cuda/row.h"
#include "kernels/cuda/softmax_row.h"

namespace papilio::cuda {
namespace {

// CrossEntropyTarget as kernels want it: classes or probabilities, the other one null.
template <class T>
struct Target {
  const int64_t* classes;
  const T* probabilities;
  int64_t ignore_index;
  compute_t<T> smooth;  // label_smoothing

  explicit Target(const CrossEntropyTarget& t)
      : classes(t.target.dtype == DType::int64 ? t.target.as<int64_t>() : nullptr),
        probabilities(t.target.dtype == DType::int64 ? nullptr : t.target.as<T>()),
        ignore_index(t.ignore_index),
        smooth(compute_t<T>(t.label_smoothing)) {}
  __device__ bool ignored(int64_t row) const {
    return classes != nullptr && classes[row] == ignore_index;
  }
};

template <class T, class C>
__global__ void cross_entropy_rows(C* losses, C* statistics, const T* logits, Target<T> t,
                                   int64_t rows, int64_t n) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* x = logits + r * n;
    const C max = row_max(x, n), log_sum = std::log(row_sum_exp(x, max, n));
    if (threadIdx.x == 0) statistics[2 * r] = max, statistics[2 * r + 1] = log_sum;
    const auto loss_of = [=](int64_t c) { return log_sum - (C(x[c]) - max); };  // where t_c = 1
    C picked = 0, all = 0;
    for (int64_t c = threadIdx.x; c < n; c += blockDim.x) {
      if (t.probabilities != nullptr) picked += C(t.probabilities[r * n + c]) * loss_of(c);
      if (t.smooth != 0) all += loss_of(c);
    }
    picked = join_block(picked, Plus());
    all = join_block(all, Plus());
    if (threadIdx.x != 0) continue;
    if (t.classes != nullptr) {  // no class of these: NaN
      const int64_t c = t.classes[r];
      picked = t.ignored(r) ? C(0) : c >= 0 && c < n ? loss_of(c) : C(NAN);
    }
    losses[r] = t.ignored(r) ? C(0) : (1 - t.smooth) * picked + t.smooth / C(n) * all;
  }
}

// One block: the losses added up, and the rows that count.
template <class T, class C>
__global__ void add_losses(T* total, C* divisor, const C* losses, Target<T> t, int64_t rows,
                           bool mean) {
  C sum = 0;
  int64_t count = 0;
  for (int64_t r = threadIdx.x; r < rows; r += blockDim.x) {
    sum += losses[r];
    count += t.ignored(r) ? 0 : 1;
  }
  sum = join_block(sum, Plus());
  count = join_block(count, Plus());
  if (threadIdx.x != 0) return;
  *divisor = mean ? C(count) : C(1);
  *total = T(sum / *divisor);
}

template <class T, class C>
__global__ void cross_entropy_backward_rows(T* dlogits, T* dtarget, const T* dlosses,
                                            int64_t dlosses_stride, const C* divisor,
                                            const T* logits, const C* statistics, Target<T> t,
                                            int64_t rows, int64_t n) {
  const C scale = divisor != nullptr ? 1 / *divisor : C(1);
  const C keep = 1 - t.smooth, uniform = t.smooth / C(n);
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* x = logits + r * n;
    const C max = statistics[2 * r], log_sum = statistics[2 * r + 1];
    const C g = C(dlosses[r * dlosses_stride]) * scale;
    C mass = 0;  // sum t
    if (t.probabilities != nullptr)
      for (int64_t c = threadIdx.x; c < n; c += blockDim.x) mass += C(t.probabilities[r * n + c]);
    mass = join_block(mass, Plus());
    mass = t.classes != nullptr ? C(1) : keep * mass + t.smooth;
    for (int64_t c = threadIdx.x; c < n; c += blockDim.x) {
      const C shifted = C(x[c]) - max;
      C given = t.classes != nullptr ? C(c == t.classes[r] ? 1 : 0) : C(t.probabilities[r * n + c]);
      if (dtarget != nullptr) dtarget[r * n + c] = T(g * keep * (log_sum - shifted));
      if (dlogits == nullptr) continue;
      given = keep * given + uniform;
      dlogits[r * n + c] =
          t.ignored(r) ? T(C(0)) : T(g * (math::exp(shifted - log_sum) * mass - given));
    }
  }
}

}  // namespace

void cross_entropy(View losses, View statistics, ConstView logits,
                   const CrossEntropyTarget& target) {
  const int64_t rows = logits.shape[0], n = logits.shape[1];
  dispatch_floating(logits.dtype, [&]<class T>() {
    using C = compute_t<T>;
    launch(cross_entropy_rows<T, C>, blocks_for(rows, 1), row_block(n), 0, stream(), losses.as<C>(),
           statistics.as<C>(), logits.as<T>(), Target<T>(target), rows, n);
  });
}

void cross_entropy_total(View total, View divisor, ConstView losses,
                         const CrossEntropyTarget& target, bool mean) {
  dispatch_floating(total.dtype, [&]<class T>() {
    using C = compute_t<T>;
    launch(add_losses<T, C>, 1, kBlock, 0, stream(), total.as<T>(), divisor.as<C>(), losses.as<C>(),
           Target<T>(target), losses.shape[0], mean);
  });
}

void cross_entropy_backward(View dlogits, View dtarget, ConstView dlosses, ConstView divisor,
                            ConstView logits, ConstView statistics,
                            const CrossEntropyTarget& target) {
  const int64_t rows = logits.shape[0], n = logits.shape[1];
  dispatch_floating(logits.dtype, [&]<class T>() {
    using C = compute_t<T>;
    launch(cross_entropy_backward_rows<T, C>, blocks_for(rows, 1), row_block(n), 0, stream(),
           dlogits.as<T>(), dtarget.as<T>(), dlosses.as<T>(), dlosses.strides[0], divisor.as<C>(),
           logits.as<T>(), statistics.as<C>(), Target<T>(target), rows, n);
  });
}

}  // namespace papilio::cuda
