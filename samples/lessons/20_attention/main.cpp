// Attention: the formula, its gradient, causality, and what a common rotation of q and k does.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "boft/ops.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;

constexpr int64_t B = 2, heads = 2, T = 6, d = 8;

Tensor transposed(const Tensor& x) {
  return transpose(x, -1, -2);
}

void small(const char* what, double error, double bound) {
  std::cout << std::left << std::setw(52) << what << error << '\n';
  check<Error>(error < bound, what, " = ", error, ", expected less than ", bound);
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  const TensorOptions f64{.dtype = DType::float64, .device = device};
  manual_seed(20);
  const Tensor q = randn({B, heads, T, d}, f64), k = randn({B, heads, T, d}, f64),
               v = randn({B, heads, T, d}, f64);
  std::cout << std::setprecision(2);

  // y = softmax(q k^T / sqrt(d)) v: every token a mean of values, weighted by how well keys fit.
  const Tensor P = softmax(matmul(q, transposed(k)) / std::sqrt(double(d)));
  const Tensor y = matmul(P, v);
  small("attention against softmax(q k^T / sqrt(d)) v",
        max(abs(scaled_dot_product_attention(q, k, v) - y)).item(), 1e-13);
  small("rows of the weights, sum - 1", max(abs(sum(P, {-1}) - 1)).item(), 1e-14);

  // The gradient. dP = G v^T; softmax gives dS = P (dP - rows' sums of P dP); q and k get dS /
  // sqrt(d).
  const Tensor G = randn(y.shape(), f64), lq = leaf(clone(q)), lk = leaf(clone(k)),
               lv = leaf(clone(v));
  backward(scaled_dot_product_attention(lq, lk, lv), G);
  const Tensor dP = matmul(G, transposed(v));
  const Tensor dS = P * (dP - sum(P * dP, {-1}, true)) / std::sqrt(double(d));
  small("dq against dS k", max(abs(grad(lq) - matmul(dS, k))).item(), 1e-13);
  small("dk against dS^T q", max(abs(grad(lk) - matmul(transposed(dS), q))).item(), 1e-13);
  small("dv against P^T G", max(abs(grad(lv) - matmul(transposed(P), G))).item(), 1e-13);

  // One head's weights as a picture.
  std::cout << "\nhow much token (row) looks at token (column), 0 to 9\n";
  const auto weights = select(select(P, 0, 0), 0, 0).to_vector<double>();
  for (int64_t i = 0; i < T; ++i, std::cout << '\n')
    for (int64_t j = 0; j < T; ++j)
      std::cout << "  " << std::min(9, int(10 * weights[size_t(i * T + j)]));

  // Turning q and k of a head together changes no product q k^T: R R^T = I.
  const Tensor R = cayley(randn({1, d / 4, 4, 4}, f64));
  const auto turned = [&](const Tensor& x) { return butterfly_rotation(x, R); };
  std::cout << '\n';
  small("q and k turned together: y changes by",
        max(abs(scaled_dot_product_attention(turned(q), turned(k), v) - y)).item(), 1e-13);
  const double alone = max(abs(scaled_dot_product_attention(turned(q), k, v) - y)).item();
  std::cout << std::setw(52) << "q turned alone: y changes by" << alone << '\n';
  check<Error>(alone > 0.1, "turning one of them should change who looks at whom");
  // v turned: y turns with it, so that a rotation of values can be undone after the mean.
  small("v turned: y turns with it, up to",
        max(abs(scaled_dot_product_attention(q, k, turned(v)) - turned(y))).item(), 1e-13);

  // The exercise: a longer k makes attention sharper, a rotation cannot.
  const auto sharpest = [&](const Tensor& keys) {
    return mean(max(softmax(matmul(q, transposed(keys)) / std::sqrt(double(d))), {-1})).item();
  };
  std::cout << "\nmean of the largest weight: " << sharpest(k) << ", k twice as long "
            << sharpest(2 * k) << ", k turned " << sharpest(turned(k)) << '\n';
  check<Error>(sharpest(2 * k) > sharpest(k) + 0.1, "longer keys should be sharper");
  check<Error>(std::abs(sharpest(0 * k) - 1. / T) < 1e-14, "keys of zero ask for the mean of all");
  check<Error>(max(abs(scaled_dot_product_attention(q, k, 2 * v) - 2 * y)).item() < 1e-13,
               "longer values make longer means, no sharper ones");
} catch (const std::exception& e) {
  std::cerr << "20_attention: " << e.what() << '\n';
  return 1;
}
