// What m and b can express: edges of the graph, angles, Theorem 1, and random rotations approached.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/butterfly_factorization.h"
#include "boft/ops.h"
#include "boft/ops/butterfly_graph.h"
#include "boft/ops/butterfly_shape.h"
#include "nn/optim/optimizer.h"
#include "tensor/creation.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;

constexpr int64_t d = 64;

// d (d - 1) / 2 angles drawn evenly: random columns made orthonormal, and one turned round if the
// determinant is -1, so that a product of rotations can reach it.
Tensor random_rotation(Device device) {
  const TensorOptions f64{.dtype = DType::float64, .device = device};
  const Tensor q = gram_schmidt(randn({d, d}, f64));
  // The determinant of an orthogonal matrix is (-1)^(reflections of its Householder form).
  const int64_t reflections = int64_t(boft::butterfly_pairs(q).size());
  const Tensor sign = ones({1, d}, f64);
  return reflections % 2 == 0 ? q : q * concat({-1 * slice(sign, 1, 0, 1), slice(sign, 1, 1)}, 1);
}

// How near a butterfly of m factors of b x b blocks comes: |R - target| / sqrt(d), 0 to 2.
double approach(const Tensor& target, int64_t b, int64_t m) {
  const Tensor r = leaf(0.1 * randn({m, d / b, b, b}, {target.dtype(), target.device()}));
  nn::AdamW optimizer({{.parameters = {r}}}, {.lr = 0.05});
  double distance = 0;
  for (int step = 0; step <= 250; ++step) {
    const Tensor L = sum(pow(butterfly_matrix(cayley(r)) - target, 2));
    distance = std::sqrt(L.item() / d);
    optimizer.set_lr(0.05 * (1 - step / 251.));
    optimizer.zero_grad();
    backward(L);
    optimizer.step();
  }
  return distance;
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  manual_seed(10);

  // Theorem 1: every orthogonal matrix is a product of d - 1 pairs of butterflies.
  const Tensor any = cayley(randn({16, 16}, {.dtype = DType::float64}));
  const auto pairs = boft::butterfly_pairs(any);
  const Tensor eye16 = eye(16, {.dtype = DType::float64});
  const double error = max(abs(boft::apply(eye16, pairs) - any)).item();
  std::cout << "a rotation of 16 coordinates as " << pairs.size()
            << " pairs of butterflies: largest error " << std::setprecision(1) << error << '\n';
  check<Error>(pairs.size() <= 15 && error < 1e-12, "not the same rotation");

  struct Row {
    int64_t m, b;
    double distance = 0;
  };
  std::vector<Row> rows{{1, 2}, {6, 2}, {1, 8}, {1, 16}, {5, 4}, {1, 32}};
  const std::vector<Tensor> targets{random_rotation(device), random_rotation(device)};
  std::cout << "\nd = 64, BOFT(m, b)   edges   reached   angles   of all   distance to random\n";
  for (Row& row : rows) {
    const ButterflyShape shape = butterfly_shape("lesson", d, row.b, 0, row.m);
    const int64_t edges = butterfly_edges(shape), angles = row.m * d * (row.b - 1) / 2,
                  reached = int64_t(butterfly_reach(shape, 0, row.m).size());
    check<Error>(edges == row.m * d * row.b && reached == shape.segment(), "wrong graph");
    for (const Tensor& target : targets)
      row.distance += approach(target, row.b, row.m) / double(targets.size());
    std::cout << "  (" << row.m << ", " << std::setw(2) << row.b << ")" << std::setw(20) << edges
              << std::setw(10) << reached << std::setw(9) << angles << std::fixed
              << std::setprecision(1) << std::setw(7) << 200. * double(angles) / (d * (d - 1))
              << " %" << std::setprecision(3) << std::setw(9) << row.distance << "  "
              << std::string(size_t(40 * row.distance), '=') << '\n'
              << std::defaultfloat;
  }
  check<Error>(rows[1].distance < rows[2].distance, "192 angles in six factors beat 224 in one");
  check<Error>(rows[4].distance < rows[3].distance, "and 480 in five factors 480 in one");
  check<Error>(rows[5].distance < rows[3].distance, "more angles come nearer");
  check<Error>(rows[1].distance < rows[0].distance, "and so do more factors of as many blocks");

  // The exercise: angles of a butterfly against those of all rotations.
  int64_t m = 1;
  while (m * d * (2 - 1) / 2 < d * (d - 1) / 2) ++m;
  std::cout << "\n2x2 blocks have as many angles as all rotations from m = " << m
            << ", where a butterfly of 64 ends at m = 6\n";
  check<Error>(m == d - 1, "the exercise's answer is d - 1");
} catch (const std::exception& e) {
  std::cerr << "11_expressiveness: " << e.what() << '\n';
  return 1;
}
