// OFT v2's Cayley-Neumann series: how far it is a rotation, and training that leaves the rotations.
#include <cmath>
#include <complex>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/energy.h"
#include "boft/methods/oft.h"
#include "boft/model/model.h"
#include "boft/ops.h"
#include "nn/layers/linear.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;

// What the series of n terms makes of A's eigenvalue i sigma; the exact map has |p| = 1.
std::complex<double> eigenvalue(double sigma, int64_t n) {
  const std::complex<double> z(0, sigma);
  const int64_t k = n <= 2 ? n - 1 : (n == 3 ? 3 : n - 1);  // the last power, PEFT's n = 3 too
  std::complex<double> power = 1, p = 1;
  for (int64_t i = 1; i <= k; ++i) power *= z, p += (i == k && n > 2 ? 1. : 2.) * power;
  return p;
}

// A of one plane, [[0, sigma], [-sigma, 0]].
Tensor plane(double sigma, Device device) {
  return to(tensor<double>({0, sigma, -sigma, 0}, {1, 2, 2}), device);
}

struct Net : nn::Module {
  nn::Linear fc{16, 16};
  Tensor operator()(const Tensor& x) { return fc(x); }
  void visit(nn::Visitor& v) override { v("fc", fc); }
  std::string describe() const override { return "Net"; }
};

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  manual_seed(15);
  std::cout << "|Q Q^T - I| of one plane, by its angle and the number of terms\n"
               "  sigma   angle";
  const std::vector<int64_t> terms{1, 2, 3, 4, 5, 6, 7};
  for (const int64_t n : terms) std::cout << "    n = " << n;
  std::cout << '\n' << std::fixed;
  for (const double sigma : {0.05, 0.1, 0.2, 0.4, 0.68, 1.0}) {
    const double degrees = 2 * std::atan(sigma) * 180 / M_PI;
    std::cout << std::setprecision(2) << std::setw(7) << sigma << std::setprecision(1)
              << std::setw(8) << degrees << std::scientific << std::setprecision(0);
    for (const int64_t n : terms) {
      const double error = boft::orthogonality_error(cayley_neumann(plane(sigma, device), n));
      const double expected = std::abs(std::norm(eigenvalue(sigma, n)) - 1);
      std::cout << std::setw(9) << error;
      check<Error>(std::abs(error - expected) < 1e-12, "not | |p(i sigma)|^2 - 1 |");
      // k odd: the product with the transpose telescopes to 1 - (i sigma)^(2 k).
      const int64_t k = n == 3 ? 3 : n - 1;
      if (n > 2 && k % 2 == 1)
        check<Error>(std::abs(error - std::pow(sigma, 2 * double(k))) < 1e-12, "not sigma^(2k)");
    }
    std::cout << std::fixed << '\n';
  }

  // A layer whose inputs were turned far: what each way of computing Q becomes when it learns that.
  std::cout << "\nlearning a turn of the inputs, 300 steps      loss   |Q Q^T - I|   change of "
               "energy\n";
  Net net;
  nn::to(net, device);
  const Tensor x = randn({256, 16}, {.device = device}),
               turn = cayley(0.6 * randn({1, 4, 4, 4}, {.device = device}));
  const Tensor y = net(butterfly_rotation(x, turn)).detach(), W = copy_of(net.fc.weight);
  for (const int64_t n : {0, 1, 4, 5, 6}) {
    boft::AdapterModel adapters(net);
    const auto warnings =
        adapters.add_adapter("a", boft::OftConfig{.oft_block_size = 4,
                                                  .use_cayley_neumann = n > 0,
                                                  .num_cayley_neumann_terms = n > 0 ? n : 5,
                                                  .target_modules = {"fc"}});
    nn::AdamW optimizer({{.parameters = nn::trainable_parameters(net)}}, {.lr = 0.02});
    double first = 0, last = 0;
    for (int step = 0; step <= 300; ++step) {
      const Tensor L = mean(pow(net(x) - y, 2));
      last = L.item();
      if (step == 0) first = last;
      optimizer.zero_grad();
      backward(L);
      optimizer.step();
    }
    auto& layer = dynamic_cast<boft::OftLayer&>(*adapters.layers("a")[0].adapter);
    const double error = boft::orthogonality_error(layer.rotations(false).detach());
    const double energy = boft::hyperspherical_energy(net.fc.merged_weight({"a"}, false).detach()) /
                              boft::hyperspherical_energy(W) -
                          1;
    std::cout << "  " << std::left << std::setw(36)
              << (n == 0 ? "exact" : "series, n = " + std::to_string(n)) << std::right
              << std::scientific << std::setprecision(1) << std::setw(12) << last << std::setw(14)
              << error << std::fixed << std::setprecision(3) << std::setw(15) << 100 * energy
              << " %\n";
    if (n == 0) check<Error>(last < 1e-6 && error < 1e-5, "the exact map learns it and stays");
    if (n == 1)  // the exercise: Q = I whatever A is, so nothing moves, and attaching it says so
      check<Error>(last == first && !warnings.empty(), "one term learns nothing");
    if (n >= 4) check<Error>(error > 1e-3, "the series should have left the rotations");
    adapters.unload();
  }
} catch (const std::exception& e) {
  std::cerr << "16_series: " << e.what() << '\n';
  return 1;
}
