// OFT's blocks: the exact Cayley map and its series, a limit on the angles, dropout that keeps
// rotations, one block for all.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/methods/oft.h"
#include "boft/ops.h"
#include "nn/layers/linear.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;

constexpr int64_t d = 40, out = 24, b = 4, N = d / b;

// How far matrices of the same shape are apart.
double apart(const Tensor& x, const Tensor& y) {
  return max(abs(x - y)).item();
}

// How far the series is from a rotation, and that it approaches the exact map's transpose.
void show_series(Device device) {
  const Tensor direction = randn({N, b * (b - 1) / 2}, {.dtype = DType::float64, .device = device});

  std::cout << "largest |Q Q^T - I| of the series, by the entries' size and the number of terms\n"
            << "  size    n = 2    n = 3    n = 4    n = 5    n = 6    n = 8   exact\n"
            << std::scientific << std::setprecision(0);
  for (const double size : {0.01, 0.03, 0.1, 0.3}) {
    const Tensor A = skew_symmetric(direction * size, b), exact = cayley(A);
    std::cout << std::setw(6) << std::defaultfloat << size << std::scientific;
    for (const int64_t terms : {2, 3, 4, 5, 6, 8}) {
      const Tensor Q = cayley_neumann(A, terms);
      std::cout << std::setw(9) << boft::orthogonality_error(Q);
      // The series turns the other way: it approaches Q^T = (I + A)(I - A)^-1.
      check<Error>(size > 0.03 || terms < 6 || apart(Q, transpose(exact, -2, -1)) < 1e-4,
                   "not Q^T");
    }
    std::cout << std::setw(8) << boft::orthogonality_error(exact) << '\n';
    check<Error>(boft::orthogonality_error(exact) < 1e-14, "the exact map is no rotation");
  }
}

// A layer merges, keeps its rotations under dropout, and stays within coft's limit.
void show_layer(boft::OftLayer& oft, const nn::Linear& layer, const Tensor& x) {
  const Tensor W = layer.weight.detach();
  const Tensor unmerged = linear(butterfly_rotation(x, oft.rotations(false)), W, layer.bias);
  const Tensor merged = linear(x, oft.weight(W, false), layer.bias);
  std::cout << "\nmerged and unmerged outputs differ by at most " << apart(merged, unmerged)
            << '\n';
  check<Error>(apart(merged, unmerged) < 1e-5, "merging changed the layer");

  // Dropout: int(p N) blocks become the identity. A product with the identity is still a rotation.
  const Tensor dropped = oft.rotations(true);
  const Tensor identity = eye(b, {.device = x.device()});
  int replaced = 0;
  for (int64_t n = 0; n < N; ++n) replaced += apart(select(dropped, 1, n), identity) == 0;
  std::cout << "dropout 0.3 replaced " << replaced << " of " << N
            << " blocks; |Q Q^T - I| is still " << boft::orthogonality_error(dropped) << '\n';
  check<Error>(replaced == 3 && boft::orthogonality_error(dropped) < 1e-5,
               "dropout broke a rotation");

  // coft: |A| <= eps / sqrt(N) for each block, so that no angle is large.
  const auto largest_degrees = [&] {
    return boft::rotation_angles(oft.rotations(false))[0] * 180 / M_PI;
  };
  std::cout << std::fixed << std::setprecision(2) << "\nlargest angle, free: " << largest_degrees()
            << " degrees\n";
  for (const double eps : {0.3, 0.1, 0.03}) {
    boft::clip_blocks(oft.oft_R.detach(), eps);
    // A block's angles are 2 atan(sigma), and sigma <= |A| / sqrt(2).
    const double bound = 2 * std::atan(eps / std::sqrt(2. * N)) * 180 / M_PI;
    std::cout << "eps = " << eps << ": " << largest_degrees() << " degrees, never more than "
              << bound << '\n';
    check<Error>(largest_degrees() <= bound * 1.001, "an angle beyond its limit");
  }
}

// One block for all N places.
void show_sharing(const boft::OftLayer& oft, const nn::Linear& layer, const Tensor& x) {
  std::vector<std::string> warnings;
  const Tensor W = layer.weight.detach();
  // block_share: R = diag(Q, ..., Q). The same b / 2 angles in each of the N blocks.
  boft::OftLayer shared("lesson", layer,
                        {.oft_block_size = b,
                         .block_share = true,
                         .use_cayley_neumann = false,
                         .init_weights = false},
                        warnings);
  nn::to(shared, x.device());
  const Tensor R = shared.rotations(false);
  const std::vector<double> angles = boft::rotation_angles(R);
  std::cout << "\none shared block: " << shared.oft_R.numel() << " numbers instead of "
            << oft.oft_R.numel() << ", " << angles.size() << " planes turn by " << b / 2
            << " angles:";
  for (size_t i = 0; i < angles.size(); i += N) std::cout << ' ' << angles[i] * 180 / M_PI;
  std::cout << " degrees\n";
  for (int64_t n = 1; n < N; ++n)
    check<Error>(apart(select(R, 1, n), select(R, 1, 0)) == 0, "blocks that are not shared");
  check<Error>(shared.oft_R.size(0) == 1 && boft::orthogonality_error(R) < 1e-5, "no rotation");
  const Tensor turned = linear(butterfly_rotation(x, R), W, layer.bias);
  check<Error>(apart(linear(x, shared.weight(W, false), layer.bias), turned) < 1e-5,
               "merging changed the layer");
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  const NoGrad no_grad;
  manual_seed(9);
  show_series(device);

  // A layer: y = (x R) W^T + bias, the same as a linear layer with the merged weight W R^T.
  nn::Linear layer(d, out);
  std::vector<std::string> warnings;
  boft::OftLayer oft("lesson", layer,
                     {.oft_block_size = b,
                      .module_dropout = 0.3,
                      .use_cayley_neumann = false,
                      .init_weights = false},
                     warnings);
  nn::to(layer, device), nn::to(oft, device);
  const Tensor x = randn({8, d}, {.device = device});
  show_layer(oft, layer, x);
  show_sharing(oft, layer, x);
} catch (const std::exception& e) {
  std::cerr << "09_oft: " << e.what() << '\n';
  return 1;
}
