// A method of one's own on the adapter socket: chains of Givens rotations, in forty lines.
#include <cmath>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/energy.h"
#include "boft/ops.h"
#include "nn/adapter.h"
#include "nn/layers/linear.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;

constexpr int64_t d = 16;

// W' = W R^T, R = G_s ... G_1: sweep s turns the pairs (0, 1), (2, 3), ... and, every other sweep,
// (1, 2), (3, 4), ..., (d - 1, 0), each by an angle 2 atan t of its own: d / 2 numbers a sweep.
struct Givens : nn::Adapter {
  Tensor angles;  // t: (sweeps, d / 2), zero at the start: R = I

  explicit Givens(int64_t sweeps, Device device)
      : angles(leaf(zeros({sweeps, d / 2}, {.device = device}))) {}

  // x R^T, (..., d): all pairs of a sweep at once.
  Tensor turned(const Tensor& x) const {
    Tensor y = reshape(x, {-1, d});
    for (int64_t s = 0; s < angles.size(0); ++s) {
      const int64_t shift = s % 2;
      if (shift) y = concat({slice(y, 1, 1), slice(y, 1, 0, 1)}, 1);  // (1, 2), ..., (d - 1, 0)
      const Tensor pairs = reshape(y, {-1, d / 2, 2});
      const Tensor a = select(pairs, 2, 0), b = select(pairs, 2, 1);
      const Tensor t = select(angles, 0, s), n = 1 + t * t;
      const Tensor c = (1 - t * t) / n, si = 2 * t / n;  // cos and sin of 2 atan t
      const Tensor both =
          concat({unsqueeze(a * c - b * si, 2), unsqueeze(a * si + b * c, 2)}, 2);  // (., d / 2, 2)
      y = reshape(both, {-1, d});
      if (shift) y = concat({slice(y, 1, d - 1), slice(y, 1, 0, d - 1)}, 1);
    }
    return reshape(y, x.shape());
  }

  // The one function that the socket needs: merging writes it, and linear() multiplies with it.
  Tensor weight(const Tensor& w, bool) override { return turned(w); }
  void visit(nn::Visitor& v) override { v("angles", angles); }
  std::string describe() const override {
    return "Givens(sweeps = " + std::to_string(angles.size(0)) + ")";
  }
};

// Learns y = layer(x) with the adapter, and returns the last loss.
double learn(nn::Linear& layer, const Givens& own, const Tensor& x, const Tensor& y, bool print) {
  nn::AdamW optimizer({{.parameters = {own.angles}}}, {.lr = 0.05});
  double loss = 0;
  for (int step = 0; step <= 400; ++step) {
    const Tensor L = mean(pow(layer(x) - y, 2));
    loss = L.item();
    if (print && step % 100 == 0) std::cout << "step " << step << "  loss " << loss << '\n';
    optimizer.set_lr(0.05 * (1 - step / 401.));
    optimizer.zero_grad();
    backward(L);
    optimizer.step();
  }
  return loss;
}

// Puts a chain of so many sweeps on the layer.
Givens& attach(nn::Linear& layer, const std::string& name, int64_t sweeps) {
  auto adapter = std::make_unique<Givens>(sweeps, layer.weight.device());
  Givens& own = *adapter;
  layer.adapters.add(name, std::move(adapter));
  layer.adapters.activate({name});
  return own;
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  manual_seed(16);
  nn::Linear layer(d, d);
  nn::to(layer, device);
  const Tensor W = copy_of(layer.weight), x = randn({256, d}, {.device = device});
  const Tensor turn = cayley(0.5 * randn({1, 1, d, d}, {.device = device}));
  const Tensor before = layer(x).detach(), y = layer(butterfly_rotation(x, turn)).detach();

  nn::set_trainable(layer, false);
  Givens& own = attach(layer, "own", 2 * d);
  std::cout << nn::trainable_parameters_line(layer) << '\n';
  check<Error>(max(abs(layer(x) - before)).item() == 0, "it does not begin as the identity");
  const GradcheckResult gradients = gradcheck(
      [&](const std::vector<Tensor>& in) {
        Givens g(3, in[0].device());
        g.angles = in[0];
        return g.turned(in[1]);
      },
      {randn({3, d / 2}, {.dtype = DType::float64, .device = device}),
       randn({2, d}, {.dtype = DType::float64, .device = device})});
  check<Error>(gradients.passed, gradients.message);

  const double loss = learn(layer, own, x, y, true);
  const Tensor unmerged = layer(x).detach(), merged = layer.merged_weight({"own"}, false).detach();
  const double energy = boft::hyperspherical_energy(merged) / boft::hyperspherical_energy(W) - 1;
  const double error = boft::orthogonality_error(own.turned(eye(d, {.device = device})).detach());
  layer.set_merged({merged, {}}, {"own"});
  const double difference = max(abs(layer(x) - unmerged)).item();
  layer.unmerge();
  std::cout << "|R R^T - I| " << error << ", energy changed by " << 100 * energy
            << " %, merged against unmerged " << difference << '\n';
  check<Error>(loss < 1e-2, "it did not learn the turn");
  check<Error>(error < 1e-5 && std::abs(energy) < 1e-5, "it is no rotation");
  check<Error>(difference < 1e-5 && max(abs(layer.weight - W)).item() == 0, "merging is not clean");

  // The exercise: d - 1 sweeps have d (d - 1) / 2 angles, as many as there are rotations.
  int64_t sweeps = d - 2;
  double reached = 0;
  do {
    ++sweeps;
    const Givens& chain = attach(layer, "with " + std::to_string(sweeps), sweeps);
    reached = learn(layer, chain, x, y, false);
    std::cout << sweeps << " sweeps, " << chain.angles.numel() << " angles: loss " << reached
              << '\n';
  } while (reached >= 1e-2 && sweeps < 2 * d);
  check<Error>(reached < 1e-2 && sweeps > d - 1, "counting alone should not be enough");
} catch (const std::exception& e) {
  std::cerr << "17_own_method: " << e.what() << '\n';
  return 1;
}
