// Least squares by gradient descent: L(w) = |X w - y|^2 / n.
#include <cmath>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/geometry/singular_values.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/device_named.h"
#include "tensor/print.h"
#include "tensor/random.h"

using namespace papilio;

// On the CPU, or on the device that the command line names.
TensorOptions f64{.dtype = DType::float64};

Tensor loss(const Tensor& X, const Tensor& w, const Tensor& y) {
  return mean(pow(matmul(X, w) - y, 2));
}

// w <- w - lr dL/dw. Returns L at the end.
double descend(Tensor& w, const Tensor& X, const Tensor& y, double lr, int steps) {
  for (int step = 0; step < steps; ++step) {
    const Tensor L = loss(X, w, y);
    if (step % 10 == 0)
      std::cout << "  step " << std::setw(2) << step << "  loss " << L.item() << '\n';
    zero_grad(w);
    backward(L);
    copy_(w, w.detach() - lr * grad(w));  // in place: w stays the same leaf
  }
  return loss(X, w.detach(), y).item();
}

int main(int argc, char** argv) try {
  if (argc > 1) f64.device = device_named("DEVICE", argv[1]);
  manual_seed(3);
  const int64_t n = 200;
  const Tensor truth = to(tensor<double>({2, -1, 0.5}), f64.device);
  const Tensor sizes = to(tensor<double>({1, 2, 1}), f64.device);  // one input varies more
  const Tensor X = randn({n, 3}, f64) * sizes;
  const Tensor y = matmul(X, truth) + 0.1 * randn({n}, f64);  // noise of deviation 0.1

  // dL/dw = 2/n X^T (X w - y), as autograd finds it too.
  Tensor w = leaf(zeros({3}, f64));
  backward(loss(X, w, y));
  const Tensor formula = 2.0 / n * matmul(transpose(X, 0, 1), matmul(X, w.detach()) - y);
  const double difference = max(abs(grad(w) - formula)).item();
  std::cout << "gradient by autograd " << grad(w) << "\nby the formula       " << formula << "\n\n";
  check<Error>(difference < 1e-12, "the gradients differ by ", difference);

  // Each step multiplies the error along an eigenvector of H = 2/n X^T X by 1 - lr lambda.
  const auto lambda = boft::symmetric_eigenvalues(2.0 / n * matmul(transpose(X, 0, 1), X));
  std::cout << "eigenvalues of H: " << lambda[0] << " to " << lambda[2] << '\n';
  const double best = 2 / (lambda[0] + lambda[2]), limit = 2 / lambda[2];
  std::cout << "lr = " << best << ", the best: errors shrink by "
            << (lambda[2] - lambda[0]) / (lambda[2] + lambda[0]) << " a step\n";
  const double reached = descend(w, X, y, best, 60);
  std::cout << "  w = " << w.detach() << "\n  made from " << truth << '\n';
  check<Error>(reached < 0.012 && max(abs(w.detach() - truth)).item() < 0.05, "w missed the truth");
  const Tensor g = matmul(transpose(X, 0, 1), matmul(X, w.detach()) - y);  // zero at the minimum
  check<Error>(max(abs(g)).item() < 1e-6, "w is not at the minimum");

  Tensor v = leaf(zeros({3}, f64));
  std::cout << "lr = " << 1.1 * limit
            << ", a tenth above the limit 2 / lambda: errors grow by 1.2 a step\n";
  check<Error>(descend(v, X, y, 1.1 * limit, 40) > 100, "this rate should diverge");
} catch (const std::exception& e) {
  std::cerr << "03_linear: " << e.what() << '\n';
  return 1;
}
