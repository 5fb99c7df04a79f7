// One layer adapted to a turned world by BOFT, and by LoRA with as many numbers.
#include <cmath>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/geometry/energy.h"
#include "boft/geometry/singular_values.h"
#include "boft/methods/boft.h"
#include "boft/methods/lora.h"
#include "boft/methods/methods.h"
#include "boft/model/model.h"
#include "boft/ops.h"
#include "nn/layers/linear.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;

struct Net : nn::Module {
  nn::Linear fc{16, 16};
  Tensor operator()(const Tensor& x) { return fc(x); }
  void visit(nn::Visitor& v) override { v("fc", fc); }
  std::string describe() const override { return "Net"; }
};

double largest(const Tensor& x) {
  return max(abs(x)).item();
}

// Trains the adapter on (x, y), merges it, and returns |E' / E - 1| of the energy E of fc's weight.
double adapt(Net& net, const boft::AdapterConfig& config, const Tensor& x, const Tensor& y) {
  const Tensor before = net(x).detach(), weight = copy_of(net.fc.weight);
  boft::AdapterModel adapters(net);  // freezes the net
  adapters.add_adapter("turned", config);
  adapters.to(x.device());
  const double start = largest(net(x) - before);  // R = I and s = 1; for LoRA B = 0

  nn::AdamW optimizer({{.parameters = nn::trainable_parameters(net)}}, {.lr = 0.02});
  std::cout << boft::peft_type(config) << ": " << nn::trainable_parameters_line(net)
            << "\n  difference to the base at the start: " << start << "\n  loss";
  double loss = 0;
  for (int step = 0; step <= 400; ++step) {
    const Tensor L = mean(pow(net(x) - y, 2));
    loss = L.item();
    if (step % 100 == 0) std::cout << "  " << loss;
    optimizer.zero_grad();
    backward(L);
    optimizer.step();
  }
  const Tensor unmerged = net(x).detach();
  adapters.merge();  // W' = s * (W R^T) replaces W
  const double difference = largest(net(x) - unmerged);
  const double e0 = boft::hyperspherical_energy(weight),
               e1 = boft::hyperspherical_energy(net.fc.weight);
  const auto sv0 = boft::singular_values(weight), sv1 = boft::singular_values(net.fc.weight);
  std::cout << "\n  merged against unmerged: " << difference << "\n  energy " << e0 << " -> " << e1
            << "\n  largest singular value " << sv0[0] << " -> " << sv1[0] << "\n\n";
  adapters.unload();  // the original weight, bit for bit
  check<Error>(start < 1e-6 && difference < 1e-5,
               "the adapter changed the layer by being attached or merged");
  check<Error>(largest(net.fc.weight - weight) == 0, "unloading did not give the weight back");
  return std::abs(e1 / e0 - 1);
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  manual_seed(7);
  Net net;
  nn::to(net, device);
  // The new task: the old layer sees its inputs through a rotation, y = (x R*) W^T + bias.
  const Tensor x = randn({256, 16}, {.device = device}),
               turn = cayley(0.5 * randn({2, 4, 4, 4}, {.device = device}));
  const Tensor y = net(butterfly_rotation(x, turn)).detach();
  const double by_boft =
      adapt(net,
            boft::BoftConfig{
                .boft_block_size = 4, .boft_n_butterfly_factor = 2, .target_modules = {"fc"}},
            x, y);
  const double by_lora = adapt(net, boft::LoraConfig{.r = 4, .target_modules = {"fc"}}, x, y);
  std::cout << "energy changed by " << 100 * by_boft << " % (BOFT), " << 100 * by_lora
            << " % (LoRA)\n";
  check<Error>(by_boft < 1e-5, "a rotation should keep the energy");
  check<Error>(by_lora > 1e-3, "adding a matrix of rank 4 should change it");
} catch (const std::exception& e) {
  std::cerr << "07_adapted_layer: " << e.what() << '\n';
  return 1;
}
