// Householder reflections: a chain of them is orthogonal and, minus the identity, of low rank.
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
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/energy.h"
#include "boft/geometry/singular_values.h"
#include "boft/methods/hra.h"
#include "boft/methods/lora.h"
#include "boft/methods/methods.h"
#include "boft/methods/oft.h"
#include "boft/model/model.h"
#include "boft/ops.h"
#include "nn/layers/linear.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;

constexpr int64_t d = 16, r = 4;
TensorOptions f64{.dtype = DType::float64};

struct Net : nn::Module {
  nn::Linear fc{d, d};
  Tensor operator()(const Tensor& x) { return fc(x); }
  void visit(nn::Visitor& v) override { v("fc", fc); }
  std::string describe() const override { return "Net"; }
};

Tensor T(const Tensor& x) {
  return transpose(x, -1, -2);
}

void small(const char* what, double error, double bound) {
  std::cout << std::left << std::setw(51) << what << error << '\n';
  check<Error>(error < bound, what, " = ", error, ", expected less than ", bound);
}

// How many singular values are more than rounding.
int rank_of(const Tensor& w) {
  int rank = 0;
  for (const double s : boft::singular_values(w)) rank += s > 1e-4;
  return rank;
}

// The exercise. With Gram-Schmidt no U gives the identity, so attaching warns, and the first loss
// is not the base's. A chain moves in as many directions as dR / dU has ranks.
void exercise(Net& net, const Tensor& x, const Tensor& y) {
  const double base = mean(pow(net(x) - y, 2)).item();
  boft::AdapterModel adapters(net);
  const std::vector<std::string> warnings = adapters.add_adapter(
      "task", boft::HraConfig{.r = r, .apply_GS = true, .target_modules = {"fc"}});
  const double begins = mean(pow(net(x) - y, 2)).item();
  std::cout << "\nthe base's loss is " << base << ", with apply_GS it begins at " << begins << '\n';
  check<Error>(!warnings.empty() && std::abs(begins - base) > 1e-3, "it should not begin as I");

  const Tensor I = eye(d, f64), U = randn({d, r}, f64), steps = 1e-5 * eye(d * r, f64);
  std::vector<Tensor> slopes;
  for (int64_t i = 0; i < d * r; ++i) {
    const Tensor step = reshape(select(steps, 0, i), {d, r});
    const Tensor slope = (householder(I, U + step) - householder(I, U - step)) / 2e-5;
    slopes.push_back(reshape(slope, {1, d * d}));
  }
  const int directions = rank_of(concat(slopes, 0));
  std::cout << "a chain of 4 moves in " << directions
            << " directions, r d - r (r + 1) / 2 = " << r * d - r * (r + 1) / 2 << '\n';
  check<Error>(directions == r * d - r * (r + 1) / 2, "other degrees of freedom");
}

// Trains on (x, y), and prints what became of W at the end, and of its energy on the way.
void adapt(Net& net, const boft::AdapterConfig& config, const Tensor& x, const Tensor& y,
           bool keeps_energy) {
  const Tensor W = copy_of(net.fc.weight);
  boft::AdapterModel adapters(net);
  adapters.add_adapter("task", config);
  nn::AdamW optimizer({{.parameters = nn::trainable_parameters(net)}}, {.lr = 0.02});
  const double energy = boft::hyperspherical_energy(W);
  double first = 0, last = 0, change = 0;
  for (int step = 0; step <= 400; ++step) {
    const Tensor L = mean(pow(net(x) - y, 2));
    last = L.item();
    if (step == 0) first = last;
    if (step % 20 == 0) {
      const double now = boft::hyperspherical_energy(net.fc.merged_weight({"task"}, false));
      change = std::max(change, std::abs(now / energy - 1));
    }
    optimizer.zero_grad();
    backward(L);
    optimizer.step();
  }
  const int64_t numbers = nn::count_parameters(net).trainable;
  adapters.merge();
  const int rank = rank_of(net.fc.weight - W);
  std::cout << std::left << std::setw(16) << boft::label(config) << std::right << std::setw(8)
            << numbers << std::setw(11) << first << std::setw(11) << last << std::setw(16) << rank
            << std::setw(14) << 100 * change << " %\n";
  check<Error>(last < first, "training did not help");
  check<Error>(keeps_energy ? change < 1e-5 : change > 1e-3,
               "the energy is not what the method promises");
  adapters.unload();
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  f64.device = device;
  manual_seed(18);
  const Tensor I = eye(d, f64), x = randn({5, d}, f64), G = randn({5, d}, f64);
  const Tensor u = randn({d, 1}, f64), v = u / sqrt(sum(u * u)), H = householder(I, u);
  std::cout << std::setprecision(2);
  small("max |H - (I - 2 v v^T)|", max(abs(H - (I - 2 * matmul(v, T(v))))).item(), 1e-14);
  small("max |H H - I|: its own inverse", max(abs(matmul(H, H) - I)).item(), 1e-14);
  small("max |x H(u) H(u) - x|: a pair begins as I",
        max(abs(householder(x, concat({u, u}, 1)) - x)).item(), 1e-14);

  // dL/dv = -2 sum over rows of ((g v) x + (x v) g); dL/du is what of it is orthogonal to v, / |u|.
  const Tensor leaf_u = leaf(clone(u));
  backward(householder(x, leaf_u), G);
  const Tensor dv = -2 * (matmul(T(x), matmul(G, v)) + matmul(T(G), matmul(x, v)));
  const Tensor du = (dv - sum(dv * v) * v) / sqrt(sum(u * u));
  small("max |gradient - formula|", max(abs(grad(leaf_u) - du)).item(), 1e-13);
  small("gradient along u: lengths do not act", std::abs(sum(grad(leaf_u) * u).item()), 1e-13);

  // Two reflections turn the plane of their vectors by twice the angle between these.
  const Tensor two = randn({d, 2}, f64), w = two / sqrt(sum(two * two, {0}, true));
  const double between = std::acos(sum(slice(w, 1, 0, 1) * slice(w, 1, 1)).item());
  const double turned = boft::rotation_angles(householder(I, two))[0];
  small(
      "|angle of H_1 H_2 - 2 angle(u_1, u_2)|, mod 2 pi",
      std::abs(std::remainder(std::abs(std::remainder(2 * between, 2 * M_PI)) - turned, 2 * M_PI)),
      1e-7);
  const Tensor R = householder(I, randn({d, r}, f64));
  small("max |R R^T - I| of four", boft::orthogonality_error(R), 1e-14);
  check<Error>(rank_of(R - I) == r, "R - I has not rank r");

  // The old layer sees its inputs through four reflections of the new task, unknown to it.
  Net net;
  nn::to(net, device);
  const Tensor inputs = randn({256, d}, {.device = device});
  const Tensor y = net(householder(inputs, randn({d, r}, {.device = device}))).detach();
  std::cout
      << "\nadapter          numbers  loss from         to    rank(W' - W)  most energy change\n";
  adapt(net, boft::HraConfig{.r = r, .target_modules = {"fc"}}, inputs, y, true);
  adapt(net, boft::LoraConfig{.r = r, .target_modules = {"fc"}}, inputs, y, false);
  adapt(net,
        boft::OftConfig{.oft_block_size = 4, .use_cayley_neumann = false, .target_modules = {"fc"}},
        inputs, y, true);
  exercise(net, inputs, y);
} catch (const std::exception& e) {
  std::cerr << "10_hra: " << e.what() << '\n';
  return 1;
}
