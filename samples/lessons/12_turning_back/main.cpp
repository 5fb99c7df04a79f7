// Turning back: what an adapted model knows when its rotations turn only part of the way.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/methods/boft.h"
#include "boft/methods/methods.h"
#include "boft/methods/oft.h"
#include "boft/model/attach.h"
#include "boft/model/model.h"
#include "nn/data/batch_source.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/layers/linear.h"
#include "nn/models/vit.h"
#include "nn/train/fit.h"
#include "samples/lessons/digits.h"
#include "tensor/copy.h"
#include "tensor/device_named.h"

using namespace papilio;
using namespace papilio::lessons;

const std::vector<std::string> kTargets{"query", "key", "value", "dense"};

struct Task {
  nn::Batches train, test;
};

Task task_of(const nn::ImageSplits& all, const std::vector<int64_t>& classes) {
  return {digits_of(all.train, classes), digits_of(all.test, classes)};
}

struct Model {
  nn::ViTForImageClassification vit{{.image_size = 8,
                                     .patch_size = 2,
                                     .num_channels = 1,
                                     .hidden_size = 32,
                                     .num_hidden_layers = 2,
                                     .num_attention_heads = 4,
                                     .intermediate_size = 64,
                                     .num_labels = 5,
                                     .initializer_range = 0.1}};
  nn::Linear old_head{32, 5};

  double learned(const nn::Batches& data) {
    return nn::evaluate(
               vit, [&](const Tensor& x) { return vit(x); }, data)
        .accuracy;
  }
  double kept(const nn::Batches& data) {
    return nn::evaluate(
               vit, [&](const Tensor& x) { return old_head(vit.features(x)); }, data)
        .accuracy;
  }
};

void bar(double share) {
  std::cout << std::setw(7) << 100 * share << " %  " << std::left << std::setw(20)
            << std::string(size_t(20 * share), '=') << std::right;
}

// Sets the factors to the identity one after the other, in this order, and gives them back what
// they had learned. Returns (learned, kept) with all, without the first, without any.
std::vector<std::pair<double, double>> remove_factors(Model& model,
                                                      const boft::AdapterModel& adapters,
                                                      const std::vector<int64_t>& order,
                                                      const nn::Batches& old_test,
                                                      const nn::Batches& new_test) {
  std::vector<Tensor> factors, learned;  // a layer: (2, N, b, b)
  for (const boft::LayerRef& ref : adapters.layers("boft")) {
    factors.push_back(dynamic_cast<boft::BoftLayer&>(*ref.adapter).boft_R.detach());
    learned.push_back(copy_of(factors.back()));
  }
  std::cout << "\nwithout       digits 5-9                   digits 0-4, old head\n";
  std::vector<std::pair<double, double>> found;
  std::string without = " -";
  for (size_t removed = 0;; ++removed) {
    std::cout << std::setw(7) << without;
    found.emplace_back(model.learned(new_test), model.kept(old_test));
    bar(found.back().first), bar(found.back().second);
    std::cout << '\n';
    if (removed == order.size()) break;
    without = (removed == 0 ? "B_" : without + " B_") + std::to_string(order[removed]);
    for (const Tensor& r : factors) fill_(select(r, 0, order[removed]), 0);
  }
  for (size_t i = 0; i < factors.size(); ++i) copy_(factors[i], learned[i]);
  return found;
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  const nn::ImageSplits all = read_digits(argc, argv);
  const Task old_digits = task_of(all, {0, 1, 2, 3, 4}), new_digits = task_of(all, {5, 6, 7, 8, 9});

  manual_seed(11);
  Model model;
  nn::to(model.vit, device), nn::to(model.old_head, device);
  learn(model.vit, old_digits.train, 120, 5e-3);
  nn::load_state_dict(model.old_head, nn::state_dict(model.vit.classifier));
  const double before = model.kept(old_digits.test);
  std::cout << std::fixed << std::setprecision(1) << "digits 0-4 before: " << 100 * before
            << " %\n\n";

  boft::AdapterModel adapters(model.vit);
  const auto adapt = [&](const std::string& name, const boft::AdapterConfig& config, double lr) {
    adapters.add_adapter(name, config);
    adapters.set_adapter({name});
    learn(model.vit, new_digits.train, 100, lr);
  };
  adapt("boft",
        boft::BoftConfig{.boft_block_size = 4,
                         .boft_n_butterfly_factor = 2,
                         .target_modules = kTargets,
                         .modules_to_save = {"classifier"},
                         .scale = boft::BoftScale::none},
        2e-2);

  std::cout << "strength      digits 5-9                   digits 0-4, old head\n";
  std::vector<double> learned, kept;
  for (const double t : {1.0, 0.75, 0.5, 0.25, 0.0}) {
    adapters.set_strength("boft", t);  // every plane turns by t times its angle
    learned.push_back(model.learned(new_digits.test)), kept.push_back(model.kept(old_digits.test));
    std::cout << std::setprecision(2) << "   " << t << std::setprecision(1);
    bar(learned.back()), bar(kept.back());
    std::cout << '\n';
  }
  check<Error>(kept.back() == before, "at strength 0 the features are the base's");
  check<Error>(kept[0] < before - 0.02 && learned[0] > learned.back() + 0.2, "nothing was adapted");
  check<Error>(std::ranges::max(kept) == kept.back() || kept.back() > 0.9, "the way back is one");
  adapters.set_strength("boft", 1);

  // The last one first; then the exercise, the first one first. With all factors and without any
  // the order says nothing; between, B_0 alone is another rotation than B_1 alone.
  const auto from_last = remove_factors(model, adapters, {1, 0}, old_digits.test, new_digits.test);
  const auto from_first = remove_factors(model, adapters, {0, 1}, old_digits.test, new_digits.test);
  check<Error>(from_first[0] == from_last[0] && from_first[2] == from_last[2],
               "the order in which factors went says nothing where all are there, or none");
  check<Error>(from_last[2].second == before, "without factors the features are the base's");
  check<Error>(from_first[1] != from_last[1], "B_0 alone should not be B_1 alone");

  std::cout
      << "\nCOFT, eps     digits 5-9                   digits 0-4, old head      largest angle\n";
  double last = 0;
  for (const double eps : {0.1, 0.5, 2.5}) {
    const std::string name = "coft" + std::to_string(int(10 * eps));
    adapt(name,
          boft::OftConfig{.oft_block_size = 8,
                          .coft = true,
                          .eps = eps,
                          .use_cayley_neumann = false,
                          .target_modules = kTargets,
                          .modules_to_save = {"classifier"}},
          2e-2);
    double angle = 0;
    for (const boft::LayerRef& ref : adapters.layers(name)) {
      const NoGrad no_grad;
      angle = std::max(angle, boft::rotation_angles(ref.adapter->rotations(false))[0]);
    }
    std::cout << "    " << eps;
    bar(model.learned(new_digits.test)), bar(model.kept(old_digits.test));
    std::cout << std::setw(9) << angle * 180 / M_PI << '\n';
    check<Error>(angle > last, "a larger eps should let the blocks turn further");
    last = angle;
  }
} catch (const std::exception& e) {
  std::cerr << "12_turning_back: " << e.what() << '\n';
  return 1;
}
