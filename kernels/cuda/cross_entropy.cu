#include "kernels/cross_entropy.h"

#include <cmath>
#include <cstdint>

#include "kernels/cuda/row.h"
#include "kernels/cuda/row_registers.h"
#include "kernels/math.h"

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

template <class Way, class T, class C>
__global__ void cross_entropy_rows(C* losses, C* statistics, const T* logits, Target<T> t,
                                   Teams teams) {
  teams.each_row([=](const RowPart& part) {
    const int64_t r = part.row;
    const auto row = Way::fetch(part, part.at(logits)).row();
    const C max = row_max(row);
    const auto shifted = row.map([=](C v) { return v - max; });
    const C log_sum = std::log(row_sum(shifted.map([](C v) { return math::exp(v); })));
    const auto loss_of = [=](C v) { return log_sum - v; };  // if t_c = 1
    C picked = 0, all = 0;
    if (t.probabilities != nullptr)
      picked =
          row_sum(shifted.zip(part.at(t.probabilities), [=](C v, C p) { return p * loss_of(v); }));
    if (t.smooth != 0) all = row_sum(shifted.map(loss_of));
    if (!part.leads) return;
    statistics[2 * r] = max, statistics[2 * r + 1] = log_sum;
    if (t.classes != nullptr) {
      const int64_t c = t.classes[r];
      const bool exists = c >= 0 && c < teams.n;
      picked = exists ? loss_of(C(part.at(logits)[c]) - max) : C(NAN);
    }
    losses[r] = t.ignored(r) ? C(0) : (1 - t.smooth) * picked + t.smooth / C(teams.n) * all;
  });
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

template <class Way, class T, class C>
__global__ void cross_entropy_backward_rows(T* dlogits, T* dtarget, const T* dlosses,
                                            int64_t dlosses_stride, const C* divisor,
                                            const T* logits, const C* statistics, Target<T> t,
                                            Teams teams) {
  const C scale = divisor != nullptr ? 1 / *divisor : C(1);
  const C keep = 1 - t.smooth, uniform = t.smooth / C(teams.n);
  teams.each_row([=](const RowPart& part) {
    const int64_t r = part.row;
    const C max = statistics[2 * r], log_sum = statistics[2 * r + 1];
    const C g = C(dlosses[r * dlosses_stride]) * scale;
    const auto loss =
        Way::fetch(part, part.at(logits)).row().map([=](C v) { return log_sum - (v - max); });
    if (dtarget != nullptr) loss.map([=](C v) { return g * keep * v; }).write(part.at(dtarget));
    if (dlogits == nullptr) return;
    if (t.classes != nullptr) {
      const int64_t given = t.classes[r];
      const bool ignored = t.ignored(r);
      loss.map_at([=](C v, int64_t c) {
            return ignored ? C(0) : g * (math::exp(-v) - ((c == given ? keep : C(0)) + uniform));
          })
          .write(part.at(dlogits));
    } else {
      const T* p = part.at(t.probabilities);
      const C mass = keep * row_sum(Way::fetch(part, p).row()) + t.smooth;  // sum t
      loss.zip(p, [=](C v, C p) { return g * (math::exp(-v) * mass - (keep * p + uniform)); })
          .write(part.at(dlogits));
    }
  });
}

}  // namespace

void cross_entropy(View losses, View statistics, ConstView logits,
                   const CrossEntropyTarget& target) {
  const int64_t rows = logits.shape[0], n = logits.shape[1];
  dispatch_floating(logits.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Target<T> t(target);
    with_teams<T>(
        rows, n,
        [&]<class Way>(const Teams& teams) {
          launch(cross_entropy_rows<Way, T, C>, teams.grid(), teams.block(), 0, stream(),
                 losses.as<C>(), statistics.as<C>(), logits.as<T>(), t, teams);
        },
        logits.as<T>(), t.probabilities);
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

void cross_entropy_backward(const CrossEntropyBackward& args) {
  const int64_t rows = args.logits.shape[0], n = args.logits.shape[1];
  dispatch_floating(args.logits.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Target<T> t(args.target);
    with_teams<T>(
        rows, n,
        [&]<class Way>(const Teams& teams) {
          launch(cross_entropy_backward_rows<Way, T, C>, teams.grid(), teams.block(), 0, stream(),
                 args.dlogits.as<T>(), args.dtarget.as<T>(), args.dlosses.as<T>(),
                 args.dlosses.strides[0], args.divisor.as<C>(), args.logits.as<T>(),
                 args.statistics.as<C>(), t, teams);
        },
        args.dlogits.as<T>(), args.dtarget.as<T>(), args.logits.as<T>(), t.probabilities);
  });
}

}  // namespace papilio::cuda
