// Energy, |W' - W| and forgetting: what goes with what an old head still reads.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/geometry/energy.h"
#include "boft/methods/boft.h"
#include "boft/methods/fields.h"
#include "boft/methods/lora.h"
#include "boft/model/model.h"
#include "nn/data/batch_source.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/layers/linear.h"
#include "nn/train/fit.h"
#include "samples/lessons/digits.h"
#include "tensor/copy.h"
#include "tensor/device_named.h"

using namespace papilio;
using namespace papilio::lessons;

// Spearman's rank correlation.
double rank_correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const auto ranks = [](const std::vector<double>& v) {
    std::vector<double> r;
    r.reserve(v.size());
    for (const double a : v)
      r.push_back(double(std::ranges::count_if(v, [a](double b) { return b < a; })));
    return r;
  };
  const auto a = ranks(x), b = ranks(y);
  const double n = double(a.size()), middle = (n - 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - middle) * (b[i] - middle);
    aa += (a[i] - middle) * (a[i] - middle);
    bb += (b[i] - middle) * (b[i] - middle);
  }
  return ab / std::sqrt(aa * bb);
}

// The method's adapter on the hidden layers; nothing for full finetuning.
std::unique_ptr<boft::AdapterModel> attach(Net& net, const std::string& method) {
  if (method == "full") return nullptr;
  const boft::ModuleNames where{"fc1", "fc2"};
  auto adapters = std::make_unique<boft::AdapterModel>(net);
  if (method == "BOFT")
    adapters->add_adapter("a", boft::BoftConfig{.boft_block_size = 4,
                                                .boft_n_butterfly_factor = 2,
                                                .target_modules = where,
                                                .modules_to_save = {"head"},
                                                .scale = boft::BoftScale::none});
  else
    adapters->add_adapter(
        "a", boft::LoraConfig{
                 .r = 4, .lora_alpha = 8, .target_modules = where, .modules_to_save = {"head"}});
  return adapters;
}

// The exercise: a new head for the digits 0-4, fitted to the features as they are now.
double fresh_accuracy(Net& net, const nn::Batches& train, const nn::Batches& test) {
  struct Head : nn::Module {
    Net& net;
    nn::Linear linear{64, 5};
    explicit Head(Net& n) : net(n) {}
    Tensor operator()(const Tensor& x) { return linear(net.features(x).detach()); }
    void visit(nn::Visitor& v) override { v("linear", linear); }
    std::string describe() const override { return "Head"; }
  } head(net);
  nn::to(head, nn::device_of(net));
  learn(head, train, 150, 1e-2);
  return nn::evaluate(
             head, [&](const Tensor& x) { return head(x); }, test)
      .accuracy;
}

nn::StateDict values_of(nn::Module& module) {
  nn::StateDict values;
  for (const auto& [name, tensor] : nn::state_dict(module)) values[name] = copy_of(tensor);
  return values;
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  const nn::ImageSplits all = read_digits(argc, argv);
  const std::vector<int64_t> old_classes{0, 1, 2, 3, 4}, new_classes{5, 6, 7, 8, 9};
  const nn::Batches old_train = digits_of(all.train, old_classes),
                    old_test = digits_of(all.test, old_classes),
                    new_train = digits_of(all.train, new_classes),
                    new_test = digits_of(all.test, new_classes);
  manual_seed(13);
  Net base(5);
  nn::to(base, device);
  learn(base, old_train, 150, 3e-3);
  const nn::StateDict start = values_of(base);

  struct Row {
    std::string method;
    double lr;
  };
  const std::vector<Row> rows{{"BOFT", 1e-3}, {"BOFT", 1e-2}, {"BOFT", 5e-2},
                              {"LoRA", 1e-3}, {"LoRA", 1e-2}, {"LoRA", 5e-2},
                              {"full", 3e-4}, {"full", 3e-3}, {"full", 2e-2}};
  std::cout << "method      rate   digits 5-9   digits 0-4   |energy'/energy - 1|   |W'-W|/|W|   "
               "new head\n";
  std::vector<double> kept, energy, change, fresh;
  for (const auto& [method, lr] : rows) {
    Net net(5);
    nn::to(net, device);
    nn::load_state_dict(net, start);
    nn::Linear old_head(64, 5);
    nn::to(old_head, device);
    nn::load_state_dict(old_head, nn::state_dict(base.head));
    const auto adapters = attach(net, method);
    learn(net, new_train, 100, lr);
    const auto accuracy = [&](nn::Linear& head, const nn::Batches& data) {
      return nn::evaluate(
                 net, [&](const Tensor& x) { return head(net.features(x)); }, data)
          .accuracy;
    };
    fresh.push_back(fresh_accuracy(net, old_train, old_test));
    double e0 = 0, e1 = 0, difference = 0, length = 0;
    const NoGrad no_grad;
    for (nn::Linear* fc : {&net.fc1, &net.fc2}) {
      const Tensor before = to(start.at(fc == &net.fc1 ? "fc1.weight" : "fc2.weight"), device),
                   after = fc->merged_weight({"a"}, false);
      e0 += boft::hyperspherical_energy(before), e1 += boft::hyperspherical_energy(after);
      difference += sum(pow(after - before, 2)).item(), length += sum(pow(before, 2)).item();
    }
    const double learned = accuracy(net.head, new_test);
    kept.push_back(accuracy(old_head, old_test));
    energy.push_back(std::abs(e1 / e0 - 1));
    change.push_back(std::sqrt(difference / length));
    std::cout << std::left << std::setw(8) << method << std::right << std::setw(8) << lr
              << std::fixed << std::setprecision(1) << std::setw(11) << 100 * learned << " %"
              << std::setw(11) << 100 * kept.back() << " %" << std::scientific << std::setw(20)
              << energy.back() << std::fixed << std::setprecision(2) << std::setw(15)
              << change.back() << std::setprecision(1) << std::setw(9) << 100 * fresh.back()
              << " %\n"
              << std::defaultfloat;
    check<Error>(method != "BOFT" || energy.back() < 1e-4, "a rotation should keep the energy");
  }
  const double by_change = rank_correlation(change, kept),
               by_energy = rank_correlation(energy, kept);
  std::cout << std::fixed << std::setprecision(2)
            << "\nrank correlation with what is kept of 0-4: |W'-W|/|W| " << by_change
            << ", change of energy " << by_energy << '\n';
  check<Error>(by_change < -0.7, "the further a weight moved, the less the old head should read");
  check<Error>(by_change < by_energy, "the distance should say more than the energy");
  // The exercise: what the old head no longer reads is still there for a new one.
  check<Error>(std::ranges::min(fresh) > std::ranges::min(kept) + 0.3,
               "a new head should read much of what the old one lost");
} catch (const std::exception& e) {
  std::cerr << "14_energy_forgetting: " << e.what() << '\n';
  return 1;
}
