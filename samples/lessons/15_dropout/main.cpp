// Multiplicative dropout: blocks become the identity. What it removes, and what that does here.
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
#include "boft/methods/boft.h"
#include "boft/model/model.h"
#include "boft/ops.h"
#include "nn/data/batch_source.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/train/fit.h"
#include "samples/lessons/digits.h"
#include "tensor/copy.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;
using namespace papilio::lessons;

// The blocks of the factors, a row a factor: '#' turns, '.' was replaced by the identity.
int64_t draw(const Tensor& q) {
  const int64_t b = q.size(-1);
  const Tensor identity = eye(b, {.dtype = q.dtype(), .device = q.device()});
  int64_t replaced = 0;
  for (int64_t i = 0; i < q.size(0); ++i, std::cout << '\n')
    for (int64_t n = 0; n < q.size(1); ++n) {
      const bool still = max(abs(select(select(q, 0, i), 0, n) - identity)).item() == 0;
      replaced += still;
      std::cout << (n ? " " : "  ") << (still ? '.' : '#');
    }
  return replaced;
}

// The exercise: how often block 4 of factor 1 is replaced. A draw takes int(p N) blocks of one of m
// factors, so a block's share is int(p N) / (m N): more factors, less of each.
void count_draws(const Tensor& q) {
  Generator generator(1);
  int64_t replaced = 0;
  const Tensor block = select(select(q, 0, 1), 0, 4);
  for (int k = 0; k < 1000; ++k) {
    const Tensor now = multiplicative_dropout(q, 0.3, true, generator);
    replaced += max(abs(select(select(now, 0, 1), 0, 4) - block)).item() != 0;
  }
  std::cout << "\na block was replaced in " << double(replaced) / 10
            << " % of 1,000 draws; int(p N) / (m N) = 10 %\n";
  check<Error>(std::abs(double(replaced) / 1000 - 3. / 30) < 4 * std::sqrt(0.1 * 0.9 / 1000),
               "not int(p N) / (m N)");
}

// Every tenth of the first 1,200 digits.
nn::ImageData few_of(const nn::ImageData& digits) {
  std::vector<int64_t> some;
  for (int64_t i = 0; i < digits->size() && some.size() < 120; i += 10) some.push_back(i);
  return nn::subset(digits, some);
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  const nn::ImageSplits all = read_digits(argc, argv);
  manual_seed(14);

  // Three factors of ten blocks; p = 0.3 replaces int(0.3 * 10) of one factor.
  const Tensor q = cayley(randn({3, 10, 4, 4}, {.dtype = DType::float64, .device = device}));
  std::vector<int64_t> drawn(3);
  for (int k = 0; k < 3; ++k) {
    std::cout << "p = 0.3, drawing " << k + 1 << '\n';
    const Tensor dropped = multiplicative_dropout(q, 0.3, true);
    check<Error>(draw(dropped) == 3, "not int(p N) blocks");
    check<Error>(boft::orthogonality_error(dropped) < 1e-13, "no rotation any more");
  }
  check<Error>(max(abs(multiplicative_dropout(q, 0.3, false) - q)).item() == 0, "not in training");
  check<Error>(max(abs(multiplicative_dropout(q, 0.09, true) - q)).item() == 0, "int(0.9) is 0");

  count_draws(q);

  // A replaced block gets no gradient; all blocks of a factor that was not drawn do.
  const Tensor r = leaf(randn({3, 10, 4, 4}, {.device = device}));
  const Tensor x = randn({5, 40}, {.device = device});
  backward(sum(pow(
      butterfly_rotation(x, slice(multiplicative_dropout(cayley(r), 0.3, true), 0, 0, 1)) - 1, 2)));
  const Tensor of_block = sum(abs(grad(r)), {-1, -2});  // (3, 10)
  std::cout << "\nblocks of factor 0 with a gradient: "
            << sum(cast(gt(select(of_block, 0, 0), 0), DType::float32)).item() << " of 10\n";

  // Does it help? Few images, so that there is something to overfit; three seeds.
  std::cout << "\n  p     digits 5-9, by seed, after 100 steps on few images       mean\n"
            << std::fixed << std::setprecision(1);
  const nn::Batches old_train = digits_of(all.train, {0, 1, 2, 3, 4}),
                    few = digits_of(few_of(all.train), {5, 6, 7, 8, 9}),
                    test = digits_of(all.test, {5, 6, 7, 8, 9});
  Net base(5);
  nn::to(base, device);
  learn(base, old_train, 150, 3e-3, 1);
  std::vector<double> means;
  for (const double p : {0.0, 0.1, 0.3}) {
    double mean = 0;
    std::cout << "  " << p << "   ";
    for (uint64_t seed = 0; seed < 3; ++seed) {
      Net net(5);
      nn::to(net, device);
      nn::load_state_dict(net, nn::state_dict(base));
      manual_seed(seed);
      boft::AdapterModel adapters(net);
      adapters.add_adapter("a", boft::BoftConfig{.boft_block_size = 4,
                                                 .boft_n_butterfly_factor = 2,
                                                 .boft_dropout = p,
                                                 .target_modules = {"fc1", "fc2"},
                                                 .modules_to_save = {"head"}});
      learn(net, few, 100, 2e-2, seed);
      const double accuracy = nn::evaluate(
                                  net, [&](const Tensor& images) { return net(images); }, test)
                                  .accuracy;
      mean += accuracy / 3;
      std::cout << std::setw(9) << 100 * accuracy << " %";
    }
    means.push_back(mean);
    std::cout << std::setw(19) << 100 * mean << " %\n";
    check<Error>(mean > 0.5, "nothing was learned");
  }
} catch (const std::exception& e) {
  std::cerr << "15_dropout: " << e.what() << '\n';
  return 1;
}
