#include "boft/geometry/butterfly_factorization.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

#include "autograd/grad_mode.h"
#include "autograd/ops/shape.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/detail/directions.h"
#include "boft/ops/butterfly_rotation.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::boft {

namespace {

// The sign of one column of a butterfly's last step, of block 0 of its factor 0: column 0 is the
// axis that vectors are turned to.
void change_sign(const Tensor& q, int64_t block, int64_t column) {
  double* const at = q.data<double>() + block * 4;
  at[column] = -at[column];
  at[2 + column] = -at[2 + column];
}

}  // namespace

Tensor butterfly_to_axis(const Tensor& u) {
  const Tensor x = detail::to_float64("butterfly_to_axis", u, 1);
  const int64_t d = x.numel();
  check(x.dim() == 1 && d > 1 && std::has_single_bit(uint64_t(d)),
        "butterfly_to_axis: expected a power of two numbers, got ", u.shape());
  const int64_t m = std::countr_zero(uint64_t(d));
  Tensor q = zeros({m, d / 2, 2, 2}, {.dtype = DType::float64});
  double* const v = x.data<double>();
  for (int64_t i = m - 1; i >= 0; --i) {  // x R meets the last factor first
    for (int64_t n = 0; n < d / 2; ++n) {
      const int64_t bit = int64_t(1) << i;
      const int64_t lo = ((n >> i) << (i + 1)) | (n & (bit - 1)), hi = lo + bit;
      const double length = std::hypot(v[lo], v[hi]);
      const double c = length > 0 ? v[lo] / length : 1, s = length > 0 ? v[hi] / length : 0;
      double* const block = q.data<double>() + (i * d / 2 + n) * 4;
      block[0] = c, block[1] = -s, block[2] = s, block[3] = c;
      v[lo] = length, v[hi] = 0;
    }
  }
  return q;
}

std::vector<ButterflyPair> butterfly_pairs(const Tensor& r) {
  const NoGrad no_grad;
  const Tensor a = detail::to_float64("butterfly_pairs", r, 2);
  const int64_t d = a.size(0);
  check(a.dim() == 2 && a.size(1) == d && d > 1 && std::has_single_bit(uint64_t(d)),
        "butterfly_pairs: expected (d, d) with d a power of two, got ", r.shape());
  const double error = orthogonality_error(a);
  check(error < 1e-6,
        "butterfly_pairs: expected an orthogonal matrix, got max |R R^T - I| = ", error);
  // Row by row a reflection H_k takes what is left of R to the identity: R H_0 H_1 ... = I or, in
  // its last corner, -1. So x R = x (D) ... H_1 H_0.
  std::vector<ButterflyPair> pairs;
  Tensor left = a;
  for (int64_t k = 0; k + 1 < d; ++k) {
    const Tensor u = clone(select(left, 0, k));
    double* const v = u.data<double>();
    v[k] -= 1;
    double length = 0;
    for (int64_t i = 0; i < d; ++i) length += v[i] * v[i];
    if (length < 1e-24) continue;  // the row is where it should be
    ButterflyPair pair{butterfly_to_axis(u), {}};
    pair.second = clone(pair.first);
    change_sign(pair.second, 0, 0);  // B D
    left = butterfly_rotation_transposed(butterfly_rotation(left, pair.first), pair.second);
    pairs.insert(pairs.begin(), std::move(pair));
  }
  if (left.data<double>()[d * d - 1] > 0) return pairs;
  if (pairs.empty()) {  // only that sign: a pair of identities
    const Tensor e = zeros({d}, {.dtype = DType::float64});
    e.data<double>()[0] = 1;
    pairs.push_back({butterfly_to_axis(e), butterfly_to_axis(e)});
  }
  // x meets the last corner's sign first: a 1x1 reflection before the first butterfly.
  const Tensor& first = pairs.front().first;
  const int64_t m = first.size(0), block = (m - 1) * (d / 2) + d / 2 - 1;
  double* const at = first.data<double>() + block * 4;
  at[2] = -at[2], at[3] = -at[3];  // the row of the last coordinate
  return pairs;
}

Tensor apply(const Tensor& x, const std::vector<ButterflyPair>& pairs) {
  Tensor y = x;
  for (const ButterflyPair& pair : pairs)
    y = butterfly_rotation_transposed(butterfly_rotation(y, pair.first), pair.second);
  return y;
}

}  // namespace papilio::boft
