#include "kernels/softmax.h"

#include "kernels/cuda/row_registers.h"
#include "kernels/math.h"

namespace papilio::cuda {
namespace {

// Softmax, or its logarithm.
template <class Way, class T>
__global__ void softmax_rows(T* y, const T* x, Teams teams, bool logarithm) {
  using C = compute_t<T>;
  const auto exp = [](C v) { return math::exp(v); };
  teams.each_row([=](const RowPart& part) {
    const auto row = Way::fetch(part, part.at(x)).row();
    const C max = row_max(row);
    const auto shifted = row.map([=](C v) { return v - max; });
    const auto e = shifted.map(exp);
    const C sum = row_sum(e);
    if (logarithm) {
      const C log_sum = math::log(sum);
      shifted.map([=](C v) { return v - log_sum; }).write(part.at(y));
    } else {
      const C scale = 1 / sum;
      e.map([=](C v) { return v * scale; }).write(part.at(y));
    }
  });
}

template <class Way, class T>
__global__ void softmax_backward_rows(T* dx, const T* y, const T* dy, Teams teams, bool logarithm) {
  using C = compute_t<T>;
  teams.each_row([=](const RowPart& part) {
    const auto ys = Way::fetch(part, part.at(y)), ds = Way::fetch(part, part.at(dy));
    const auto row = ys.row(), d = ds.row();
    if (logarithm) {
      const C sum = row_sum(d);
      d.zip(row, [=](C dv, C v) { return dv - math::exp(v) * sum; }).write(part.at(dx));
    } else {
      const C dot = row_sum(d.zip(row, [](C dv, C v) { return dv * v; }));
      d.zip(row, [=](C dv, C v) { return v * (dv - dot); }).write(part.at(dx));
    }
  });
}

void forward(View y, ConstView x, bool logarithm) {
  dispatch_floating(x.dtype, [&]<class T>() {
    with_teams<T>(
        row_count(x), row_length(x),
        [&]<class Way>(const Teams& teams) {
          launch(softmax_rows<Way, T>, teams.grid(), teams.block(), 0, stream(), y.as<T>(),
                 x.as<T>(), teams, logarithm);
        },
        y.as<T>(), x.as<T>());
  });
}

void backward(View dx, ConstView y, ConstView dy, bool logarithm) {
  dispatch_floating(y.dtype, [&]<class T>() {
    with_teams<T>(
        row_count(y), row_length(y),
        [&]<class Way>(const Teams& teams) {
          launch(softmax_backward_rows<Way, T>, teams.grid(), teams.block(), 0, stream(),
                 dx.as<T>(), y.as<T>(), dy.as<T>(), teams, logarithm);
        },
        dx.as<T>(), y.as<T>(), dy.as<T>());
  });
}

}  // namespace

void softmax(View y, ConstView x) {
  forward(y, x, false);
}
void softmax_backward(View dx, ConstView y, ConstView dy) {
  backward(dx, y, dy, false);
}
void log_softmax(View y, ConstView x) {
  forward(y, x, true);
}
void log_softmax_backward(View dx, ConstView y, ConstView dy) {
  backward(dx, y, dy, true);
}

}  // namespace papilio::cuda
