#include "kernels/segment_outer.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace papilio {
namespace {

template <class T>
View matrix(std::vector<T>& values, int64_t rows, int64_t columns) {
  return {values.data(), dtype_of<T>(), 2, {rows, columns}, {columns, 1}};
}

template <class T>
void check(int64_t rows, int64_t segments, int64_t w, double tolerance) {
  CAPTURE(rows);
  CAPTURE(w);
  using C = compute_t<T>;
  const int64_t d = segments * w;
  std::vector<T> x(rows * d), g(rows * d);
  for (int64_t i = 0; i < rows * d; ++i) {
    x[i] = T(float(std::sin(0.7 * double(i))));
    g[i] = T(float(std::cos(0.3 * double(i))));
  }
  std::vector<C> out(w * d, C(-1)), again(w * d);
  cpu::segment_outer(matrix(out, w, d), matrix(x, rows, d), matrix(g, rows, d));
  double worst = 0;
  for (int64_t k = 0; k < w; ++k)
    for (int64_t c = 0; c < d; ++c) {
      double want = 0;
      for (int64_t r = 0; r < rows; ++r)
        want += double(x[r * d + c - c % w + k]) * double(g[r * d + c]);
      worst = std::max(worst, std::abs(double(out[k * d + c]) - want));
    }
  CHECK(worst <= tolerance * std::sqrt(double(rows) + 1));
  const int threads = omp_get_max_threads();
  omp_set_num_threads(3);
  cpu::segment_outer(matrix(again, w, d), matrix(x, rows, d), matrix(g, rows, d));
  omp_set_num_threads(threads);
  CHECK(out == again);
}

}  // namespace

TEST_CASE("segment_outer: the diagonal blocks of x^T g, for any width and any number of threads") {
  for (const int64_t w : {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 17, 24, 32, 48, 64})
    for (const int64_t rows : {0, 1, 33, 300})
      for (const int64_t segments : {1, 3, 8}) {
        check<float>(rows, segments, w, 1e-6);
        check<double>(rows, segments, w, 1e-14);
        if (rows == 33)
          check<BFloat16>(rows, segments, w, 1e-6), check<Float16>(rows, segments, w, 1e-6);
      }
}

}  // namespace papilio
