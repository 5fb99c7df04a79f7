// Angle against magnitude: what a trained network loses without either; and a free matrix in the
// rotation's place.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/energy.h"
#include "boft/geometry/singular_values.h"
#include "boft/ops.h"
#include "nn/data/batch_source.h"
#include "nn/data/image_batches.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/optim/optimizer.h"
#include "nn/train/fit.h"
#include "samples/lessons/digits.h"
#include "tensor/copy.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;
using namespace papilio::lessons;

// The lengths of w's rows, (out, 1).
Tensor lengths(const Tensor& w) {
  return sqrt(sum(w * w, {1}, true));
}

// Learns y = x R W^T with b x b blocks on R's diagonal: through the Cayley map, or free ones.
void learn_blocks(bool rotation, const Tensor& W, const Tensor& x, const Tensor& y) {
  const int64_t d = W.size(1), b = 8;
  const Tensor r = leaf(zeros({1, d / b, b, b}, {.device = x.device()}));
  const Tensor identity = eye(b, {.device = x.device()});
  const auto blocks = [&] { return rotation ? cayley(r) : r + identity; };
  nn::AdamW optimizer({{.parameters = {r}}}, {.lr = 0.01});
  double loss = 0;
  for (int step = 0; step <= 300; ++step) {
    const Tensor L = mean(pow(linear(butterfly_rotation(x, blocks()), W, {}) - y, 2));
    loss = L.item();
    optimizer.zero_grad();
    backward(L);
    optimizer.step();
  }
  const NoGrad no_grad;
  const Tensor after = butterfly_rotation_transposed(W, blocks());
  const double energy = boft::hyperspherical_energy(after) / boft::hyperspherical_energy(W) - 1,
               error = boft::orthogonality_error(blocks()),
               spread = boft::singular_values(after)[0] / boft::singular_values(W)[0];
  std::cout << "  " << std::left << std::setw(10) << (rotation ? "rotation" : "free") << std::right
            << std::scientific << std::setprecision(1) << std::setw(10) << loss << std::setw(15)
            << error << std::fixed << std::setprecision(3) << std::setw(13) << 100 * energy << " %"
            << std::setw(17) << spread << '\n';
  if (rotation)
    check<Error>(error < 1e-5 && std::abs(energy) < 1e-5, "a rotation should keep the energy");
  else
    check<Error>(error > 1e-2 && std::abs(energy) > 1e-4, "free blocks should have changed it");
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  const nn::ImageSplits all = read_digits(argc, argv);
  const nn::Batches train = nn::plain_batches(all.train, nn::digits_processor()),
                    test = nn::plain_batches(all.test, nn::digits_processor());
  manual_seed(12);
  Net net(10);
  nn::to(net, device);
  learn(net, train, 250, 3e-3, 12);

  const Tensor w1 = copy_of(net.fc1.weight), w2 = copy_of(net.fc2.weight);
  const auto accuracy = [&](const char* what, const Tensor& first, const Tensor& second) {
    copy_(net.fc1.weight.detach(), first), copy_(net.fc2.weight.detach(), second);
    const double share = nn::evaluate(
                             net, [&](const Tensor& x) { return net(x); }, test)
                             .accuracy;
    std::cout << "  " << std::left << std::setw(44) << what << std::right << std::fixed
              << std::setprecision(1) << std::setw(5) << 100 * share << " %  "
              << std::string(size_t(30 * share), '=') << '\n';
    copy_(net.fc1.weight.detach(), w1), copy_(net.fc2.weight.detach(), w2);
    return share;
  };
  const auto equal_lengths = [](const Tensor& w) {  // every neuron of mean length
    return w / lengths(w) * mean(lengths(w)).item();
  };
  const auto other_directions = [](const Tensor& w) {
    const Tensor random = randn(w.shape(), {.device = w.device()});
    return random / lengths(random) * lengths(w);
  };
  const Tensor one_rotation = cayley(0.3 * randn({64, 64}, {.device = device}));
  std::cout << "ten digits, test accuracy with the hidden neurons as they are, and\n";
  const double whole = accuracy("as trained", w1, w2);
  const double angles =
      accuracy("all of one length, directions kept", equal_lengths(w1), equal_lengths(w2));
  const double magnitudes =
      accuracy("directions drawn, lengths kept", other_directions(w1), other_directions(w2));
  const double turned = accuracy("turned together: angles between them kept",
                                 matmul(w1, one_rotation), matmul(w2, one_rotation));
  check<Error>(whole > 0.9 && angles > 0.75, "directions should carry most of it");
  check<Error>(magnitudes < 0.4, "lengths alone should carry little");
  check<Error>(turned < angles, "the exercise: angles between neurons are not all either");

  std::cout
      << "\nblocks learned        loss   |Q Q^T - I|   energy change   spectral norm, times\n";
  const Tensor x = randn({512, 64}, {.device = device}),
               other = w2 + 0.05 * randn(w2.shape(), {.device = device});
  const Tensor y = linear(x, other, {});
  for (const bool rotation : {true, false}) learn_blocks(rotation, w2, x, y);

  // The exercise's first half: one length and a common turn leave the energy, new directions do
  // not.
  const double energy = boft::hyperspherical_energy(w1);
  const auto change = [&](const Tensor& w) { return boft::hyperspherical_energy(w) / energy - 1; };
  check<Error>(std::abs(change(equal_lengths(w1))) < 1e-5, "lengths should not count");
  check<Error>(std::abs(change(matmul(w1, one_rotation))) < 1e-5, "a common turn should not count");
  check<Error>(std::abs(change(other_directions(w1))) > 1e-3, "directions should count");
} catch (const std::exception& e) {
  std::cerr << "13_angle_magnitude: " << e.what() << '\n';
  return 1;
}
