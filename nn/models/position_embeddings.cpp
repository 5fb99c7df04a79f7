#include "nn/models/detail/position_embeddings.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/join.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/to.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::nn {

namespace {

// Keys' cubic convolution kernel (1981), |x| < 2.
double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

// One row of weights over `in` samples for each of `out` samples, clamped at the borders.
void plain_row(double* row, int64_t in, double at) {
  const double below = std::floor(at);
  for (int64_t k = -1; k <= 2; ++k) {
    const int64_t i = std::clamp<int64_t>(int64_t(below) + k, 0, in - 1);
    row[i] += cubic(at - below - double(k), -0.75);
  }
}

void antialiased_row(double* row, int64_t in, double centre, double scale) {
  const double widen = std::max(scale, 1.0);
  const int64_t first = std::max<int64_t>(int64_t(centre - 2 * widen + 0.5), 0);
  const int64_t stop = std::min<int64_t>(int64_t(centre + 2 * widen + 0.5), in);
  double sum = 0;
  for (int64_t i = first; i < stop; ++i)
    sum += row[i] = cubic((double(i) - centre + 0.5) / widen, -0.5);
  for (int64_t i = first; i < stop; ++i) row[i] /= sum;
}

// (out, in): what resizing one dimension multiplies with.
Tensor resize_matrix(int64_t out, int64_t in, bool antialias, DType dtype) {
  std::vector<double> weights(size_t(out * in), 0.0);
  const double scale = double(in) / double(out);
  for (int64_t o = 0; o < out; ++o) {
    double* row = weights.data() + o * in;
    const double centre = (double(o) + 0.5) * scale;
    antialias ? antialiased_row(row, in, centre, scale) : plain_row(row, in, centre - 0.5);
  }
  return copy_of(tensor<double>(weights, {out, in}), dtype);
}

}  // namespace

Tensor interpolate_positions(const Tensor& positions, int64_t tokens, int64_t rows, int64_t columns,
                             bool antialias) {
  check(positions.dim() == 3 && positions.size(0) == 1,
        "interpolate_positions: expected positions of shape (1, T, D), got ", positions.shape());
  check(rows >= 1 && columns >= 1, "interpolate_positions: expected a grid of at least 1 x 1, got ",
        rows, " x ", columns);
  const int64_t patches = positions.size(1) - tokens, features = positions.size(2);
  const auto side = int64_t(std::sqrt(double(patches)) + 0.5);
  check(patches >= 1 && side * side == patches,
        "interpolate_positions: expected a square number of patches, got ", patches);
  const Autocast as_stored(DType::float32);
  // Half precision is computed in float32, as Transformers does.
  const DType dtype = positions.dtype() == DType::float64 ? DType::float64 : DType::float32;
  const auto matrix = [&](int64_t out) {
    return to(resize_matrix(out, side, antialias, dtype), positions.device());
  };
  const Tensor grid = reshape(cast(slice(positions, 1, tokens), dtype), {side, side * features});
  const Tensor tall = matmul(matrix(rows), grid);
  const Tensor wide = matmul(matrix(columns), reshape(tall, {rows, side, features}));
  const Tensor resized = cast(reshape(wide, {1, rows * columns, features}), positions.dtype());
  return tokens == 0 ? resized : concat({slice(positions, 1, 0, tokens), resized}, 1);
}

}  // namespace papilio::nn
