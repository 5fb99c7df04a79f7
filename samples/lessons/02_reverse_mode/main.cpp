// f(a, b) = e^(a b) + a, three times: operations made here with record, the library's, differences.
#include <cmath>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "autograd/record.h"
#include "tensor/creation.h"
#include "tensor/device_named.h"

using namespace papilio;

Device device;  // where everything is computed

Tensor number(double value) {
  return scalar(value, {.dtype = DType::float64, .device = device});
}

void trace(const std::string& line) {
  std::cout << "  " << line << '\n';
}

// y = a b. Backward: da = dy b, db = dy a. What the lambda captures is all that is kept.
Tensor times(const Tensor& a, const Tensor& b) {
  const double x = a.item(), y = b.item();
  return record("times", number(x * y), {a, b}, [x, y](const Tensor& dy, Needs) {
    trace(str("times: dy = ", dy.item(), "  ->  da = ", dy.item() * y, ", db = ", dy.item() * x));
    return Grads{dy * y, dy * x};
  });
}

// y = e^x. Backward: dx = dy y.
Tensor power_of_e(const Tensor& x) {
  const double y = std::exp(x.item());
  return record("power_of_e", number(y), {x}, [y](const Tensor& dy, Needs) {
    trace(str("power_of_e: dy = ", dy.item(), "  ->  dx = ", dy.item() * y));
    return Grads{dy * y};
  });
}

// y = a + b. Backward: da = db = dy.
Tensor plus(const Tensor& a, const Tensor& b) {
  return record("plus", number(a.item() + b.item()), {a, b}, [](const Tensor& dy, Needs) {
    trace(str("plus: dy = ", dy.item(), "  ->  da = db = ", dy.item()));
    return Grads{dy, dy};
  });
}

void compare(const char* way, double da, double db) {
  const double e = std::exp(1.0), true_da = 2 * e + 1, true_db = 0.5 * e;  // at a = 0.5, b = 2
  std::cout << std::left << std::setw(24) << way << std::setprecision(8) << "df/da = " << da
            << "  df/db = " << db << '\n';
  check<Error>(std::abs(da - true_da) < 1e-7 && std::abs(db - true_db) < 1e-7, way, ": expected ",
               true_da, " and ", true_db);
}

int main(int argc, char** argv) try {
  if (argc > 1) device = device_named("DEVICE", argv[1]);
  Tensor a = leaf(number(0.5)), b = leaf(number(2));
  std::cout << "the backward pass, from f to its leaves:\n";
  backward(plus(power_of_e(times(a, b)), a));  // a is used twice: both contributions are added
  compare("made here", grad(a).item(), grad(b).item());

  zero_grad(a), zero_grad(b);  // gradients accumulate in leaves until they are dropped
  backward(exp(a * b) + a);
  compare("the library's", grad(a).item(), grad(b).item());

  const auto f = [](double x, double y) { return std::exp(x * y) + x; };
  const double h = 1e-5;  // central differences: (f(x + h) - f(x - h)) / 2h, error of order h^2
  compare("by differences", (f(0.5 + h, 2) - f(0.5 - h, 2)) / (2 * h),
          (f(0.5, 2 + h) - f(0.5, 2 - h)) / (2 * h));
} catch (const std::exception& e) {
  std::cerr << "02_reverse_mode: " << e.what() << '\n';
  return 1;
}
