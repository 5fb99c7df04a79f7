// The Cayley map: every square matrix R gives a rotation Q, and the gradient goes back to R.
#include <cmath>
#include <cstddef>
#include <exception>
#include <iomanip>
#include <iostream>
#include <numbers>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/singular_values.h"
#include "boft/ops.h"
#include "tensor/creation.h"
#include "tensor/device_named.h"
#include "tensor/print.h"
#include "tensor/random.h"

using namespace papilio;

// On the CPU, or on the device that the command line names.
TensorOptions f64{.dtype = DType::float64};

Tensor T(const Tensor& x) {
  return transpose(x, -1, -2);
}

void small(const char* what, double error, double bound) {
  std::cout << std::left << std::setw(44) << what << error << '\n';
  check<Error>(error < bound, what, " = ", error, ", expected less than ", bound);
}

int main(int argc, char** argv) try {
  if (argc > 1) f64.device = device_named("DEVICE", argv[1]);
  manual_seed(5);
  const Tensor R = randn({4, 4}, f64), I = eye(4, f64), G = randn({4, 4}, f64);
  const Tensor S = (R - T(R)) / 2;  // S^T = -S
  const Tensor Q = cayley(R);       // (I - S)(I + S)^-1
  std::cout << "S = " << S << "\nQ = " << Q << "\n\n";
  small("max |Q^T Q - I|", boft::orthogonality_error(Q), 1e-14);
  small("max |Q (I + S) - (I - S)|", max(abs(matmul(Q, I + S) - (I - S))).item(), 1e-14);
  small("max |(I + S)^-1 - (I + Q) / 2|, times I + S",
        max(abs(I - matmul(I + Q, I + S) / 2)).item(), 1e-14);
  small("max |cayley(0) - I|", max(abs(cayley(zeros({4, 4}, f64)) - I)).item(), 1e-300);

  // With G = dL/dQ: dL/dS = -1/2 (I + Q)^T G (I + Q)^T, dL/dR = (dL/dS - (dL/dS)^T) / 2.
  Tensor r = leaf(clone(R));
  backward(cayley(r), G);
  const Tensor dS = -0.5 * matmul(matmul(T(I + Q), G), T(I + Q));
  small("max |gradient - formula|", max(abs(grad(r) - (dS - T(dS)) / 2)).item(), 1e-13);
  const GradcheckResult by_differences =
      gradcheck([](const std::vector<Tensor>& in) { return cayley(in[0]); }, {R});
  check<Error>(by_differences.passed, by_differences.message);
  std::cout << "and as central differences find it\n\n";

  // S = [[0, -sigma], [sigma, 0]] turns a row x Q by 2 atan(sigma), a column Q x by minus that.
  std::cout << "sigma    angle in degrees   2 atan(sigma)\n" << std::fixed;
  const double degrees = 180 / std::numbers::pi;
  for (double sigma : {0.0, 0.1, 0.5, 1.0, 2.0, 10.0, 100.0}) {
    const Tensor q = cayley(to(tensor<double>({0, -sigma, sigma, 0}, {2, 2}), f64.device));
    const double angle = boft::rotation_angles(q)[0], expected = 2 * std::atan(sigma);
    std::cout << std::right << std::setprecision(1) << std::setw(5) << sigma << std::setprecision(4)
              << std::setw(20) << angle * degrees << std::setw(16) << expected * degrees << "  "
              << std::string(size_t(angle * degrees / 5), '=') << '\n';
    check<Error>(std::abs(angle - expected) < 1e-7, "the angle is not 2 atan(sigma)");
    const auto row = select(q, 0, 0).to_vector<double>();  // of (1, 0)
    check<Error>(std::abs(std::atan2(row[1], row[0]) - expected) < 1e-7, "a row turns otherwise");
  }
  // A 4x4 rotation turns two planes; S's singular values are sigma_1, sigma_1, sigma_2, sigma_2.
  const auto angles = boft::rotation_angles(Q), sigma = boft::singular_values(S);
  std::cout << "the 4x4 Q above turns two planes by " << angles[0] * degrees << " and "
            << angles[1] * degrees << " degrees\n";
  for (size_t i : {0, 1})
    check<Error>(std::abs(angles[i] - 2 * std::atan(sigma[2 * i])) < 1e-6, "wrong angle ", i);
} catch (const std::exception& e) {
  std::cerr << "05_cayley: " << e.what() << '\n';
  return 1;
}
