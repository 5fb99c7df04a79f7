#include "nn/data/transforms/detail/taps.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "tensor/error.h"

namespace papilio::nn {

namespace {

template <typename Real>
Real sinc(Real x) {
  constexpr auto pi = std::numbers::pi_v<Real>;
  return x == 0 ? 1 : std::sin(pi * x) / (pi * x);
}

template <typename Real>
Real filter(Interpolation interpolation, Real at) {
  const Real x = std::abs(at);
  switch (interpolation) {
    case Interpolation::lanczos:
      return x < 3 ? sinc(x) * sinc(x / 3) : 0;
    case Interpolation::bicubic:
      if (x < 1) return (Real(1.5) * x - Real(2.5)) * x * x + 1;
      return x < 2 ? ((Real(-0.5) * x + Real(2.5)) * x - 4) * x + 2 : 0;
    case Interpolation::box:
      return at > Real(-0.5) && at <= Real(0.5) ? 1 : 0;
    case Interpolation::hamming:
      return x < 1 ? sinc(x) * (Real(0.54) + Real(0.46) * std::cos(std::numbers::pi_v<Real> * x))
                   : 0;
    default:
      return x < 1 ? 1 - x : 0;
  }
}

// How far the filter goes to each side.
double reach(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::lanczos:
      return 3;
    case Interpolation::bicubic:
      return 2;
    case Interpolation::box:
      return 0.5;
    default:
      return 1;
  }
}

}  // namespace

Ranges ranges_of(int64_t height, int64_t width, const Window& window) {
  check(height >= 1 && width >= 1, "resize: expected a height and a width >= 1, got ", height, 'x',
        width);
  const Ranges ranges{{window.top, window.height, height}, {window.left, window.width, width}};
  for (const Range& r : {ranges.rows, ranges.columns}) {
    check(r.first >= 0 && r.count >= 1 && r.first + r.count <= r.all,
          "resize: expected a window inside the image of ", height, 'x', width, ", got ",
          window.height, 'x', window.width, " from ", window.top, ", ", window.left, " on");
  }
  return ranges;
}

template <typename Real>
std::vector<Taps<Real>> filter_taps(int64_t in, const Range& out, Interpolation interpolation) {
  const Real half = Real(0.5), scale = Real(in) / Real(out.all), stretch = std::max<Real>(scale, 1),
             support = Real(reach(interpolation)) * stretch;
  std::vector<Taps<Real>> all;
  all.reserve(size_t(out.count));
  for (int64_t i = out.first; i < out.first + out.count; ++i) {
    const Real center = (Real(i) + half) * scale;
    const int64_t begin = std::max<int64_t>(int64_t(center - support + half), 0),
                  end = std::min(int64_t(center + support + half), in);
    Taps<Real>& taps = all.emplace_back(Taps<Real>{begin, {}});
    Real sum = 0;
    for (int64_t k = begin; k < end; ++k) {
      taps.weights.push_back(filter(interpolation, (Real(k) - center + half) * (1 / stretch)));
      sum += taps.weights.back();
    }
    if (sum == 0) continue;
    for (Real& w : taps.weights) w /= sum;
  }
  return all;
}

template std::vector<Taps<float>> filter_taps(int64_t, const Range&, Interpolation);
template std::vector<Taps<double>> filter_taps(int64_t, const Range&, Interpolation);

std::vector<Taps<int32_t>> whole_taps(const std::vector<Taps<double>>& taps, int bits) {
  std::vector<Taps<int32_t>> whole;
  whole.reserve(taps.size());
  for (const Taps<double>& t : taps) {
    std::vector<int32_t>& weights = whole.emplace_back(Taps<int32_t>{t.begin, {}}).weights;
    weights.reserve(t.weights.size());
    for (const double w : t.weights)
      weights.push_back(int32_t((w < 0 ? -0.5 : 0.5) + w * (1 << bits)));
  }
  return whole;
}

}  // namespace papilio::nn
