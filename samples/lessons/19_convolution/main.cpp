// A convolution is a product with patches, and an adapter turns the patches.
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "boft/geometry/energy.h"
#include "boft/methods/boft.h"
#include "boft/model/model.h"
#include "boft/ops.h"
#include "nn/layers/conv2d.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;

// x: (B, C, H, W) -> patches (B, H', W', C kh kw): what each output place sees, zeros outside.
Tensor patches(const Tensor& x, int64_t k, int64_t stride, int64_t padding) {
  const int64_t B = x.size(0), C = x.size(1), H = x.size(2), W = x.size(3);
  const int64_t h = (H + 2 * padding - k) / stride + 1, w = (W + 2 * padding - k) / stride + 1;
  Tensor out = zeros({B, h, w, C * k * k}, {.dtype = DType::float64});
  const double* const in = x.data<double>();
  double* to = out.data<double>();
  for (int64_t n = 0; n < B; ++n)
    for (int64_t i = 0; i < h; ++i)
      for (int64_t j = 0; j < w; ++j)
        for (int64_t c = 0; c < C; ++c)
          for (int64_t u = 0; u < k; ++u)
            for (int64_t v = 0; v < k; ++v, ++to) {
              const int64_t row = i * stride - padding + u, column = j * stride - padding + v;
              if (row >= 0 && row < H && column >= 0 && column < W)
                *to = in[((n * C + c) * H + row) * W + column];
            }
  return out;
}

struct Net : nn::Module {
  nn::Conv2d conv{4, 8, {2, 2}, {.stride = {2, 2}}};
  Tensor operator()(const Tensor& x) { return conv(x); }
  void visit(nn::Visitor& v) override { v("conv", conv); }
  std::string describe() const override { return "Net"; }
};

void small(const char* what, double error, double bound) {
  std::cout << what << error << '\n';
  check<Error>(error < bound, what, error, ", expected less than ", bound);
}

// The b that fit d coordinates in m factors.
std::string that_fit(int64_t d, int64_t m) {
  std::string fit;
  for (int64_t b = 2; b <= d; b *= 2) {
    try {
      static_cast<void>(butterfly_shape("exercise", d, b, 0, m));
      fit += ' ' + std::to_string(b);
    } catch (const ArgumentError&) {
    }
  }
  return fit;
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  manual_seed(19);
  const TensorOptions f64{.dtype = DType::float64};
  const Tensor x = randn({2, 3, 7, 6}, f64), w = randn({5, 3, 3, 3}, f64), bias = randn({5}, f64);
  const Conv2dOptions options{.stride = {2, 2}, .padding = {1, 1}};
  const Tensor y = conv2d(x, w, bias, options);                 // (2, 5, 4, 3)
  const Tensor p = patches(x, 3, 2, 1);                         // (2, 4, 3, 27)
  const Tensor product = linear(p, reshape(w, {5, 27}), bias);  // (2, 4, 3, 5)
  small("conv2d against patches W^T + bias      ",
        max(abs(y - permute(product, {0, 3, 1, 2}))).item(), 1e-12);

  // dW: every patch with the gradient at its place, as in a linear layer.
  const Tensor weight = leaf(clone(w)), g = randn(y.shape(), f64);
  backward(conv2d(x, weight, bias, options), g);
  const Tensor rows = reshape(permute(g, {0, 2, 3, 1}), {-1, 5});  // a row a place
  small("dW against G^T patches                 ",
        max(abs(grad(weight) -
                reshape(matmul(transpose(rows, 0, 1), reshape(p, {-1, 27})), {5, 3, 3, 3})))
            .item(),
        1e-12);
  const GradcheckResult by_differences = gradcheck(
      [&](const std::vector<Tensor>& in) { return conv2d(in[0], in[1], bias, options); }, {x, w});
  check<Error>(by_differences.passed, by_differences.message);
  std::cout << "and as central differences find them\n\n";

  // A map is slid over the image: three strides of weight see every place.
  std::cout << "the patches of a 6x6 image, 2x2 each, by the place that sees a pixel\n";
  for (int64_t i = 0; i < 6; ++i, std::cout << '\n')
    for (int64_t j = 0; j < 6; ++j) std::cout << char('a' + i / 2 * 3 + j / 2) << ' ';

  // BOFT turns the patches: 16 numbers, blocks of 4, two factors.
  Net net;
  nn::to(net, device);
  const Tensor images = randn({2, 4, 6, 6}, {.device = device}), before = net(images).detach(),
               W = copy_of(net.conv.weight);
  boft::AdapterModel adapters(net);
  adapters.add_adapter("a", boft::BoftConfig{.boft_block_size = 4,
                                             .boft_n_butterfly_factor = 2,
                                             .target_modules = {"conv"},
                                             .init_weights = false});
  const auto& layer = dynamic_cast<boft::BoftLayer&>(*adapters.layers("a")[0].adapter);
  const Tensor turned = net(images).detach();
  check<Error>(max(abs(turned - before)).item() > 0.01, "nothing was adapted");
  // The same by hand: patches turned, then the frozen weight, then s.
  const Tensor P = patches(copy_of(cpu_data(images), DType::float64), 2, 2, 0);  // (2, 3, 3, 16)
  const auto on_cpu = [](const Tensor& t) { return copy_of(cpu_data(t), DType::float64); };
  const Tensor q = on_cpu(cayley(layer.boft_R.detach()));
  const Tensor s = on_cpu(layer.boft_s.detach());
  const Tensor by_hand =
      linear(butterfly_rotation(P, q), reshape(on_cpu(W), {8, 16}), {}) * reshape(s, {8}) +
      on_cpu(net.conv.bias);
  small("\nan adapted convolution against turned patches  ",
        max(abs(on_cpu(turned) - permute(by_hand, {0, 3, 1, 2}))).item(), 1e-5);
  adapters.merge();
  small("merged against unmerged                        ",
        max(abs(net(images).detach() - turned)).item(), 1e-5);

  // The exercise: W as a matrix has 16 columns, so b must divide 16, whatever the image's size.
  bool refused = false;
  try {
    adapters.unmerge();
    adapters.add_adapter("b", boft::BoftConfig{.boft_block_size = 3, .target_modules = {"conv"}});
  } catch (const ArgumentError& e) {
    refused = true;
    std::cout << "b = 3: " << e.what() << '\n';
  }
  check<Error>(refused, "3 does not divide 16");
  const std::string fit = that_fit(16, 2);
  std::cout << "m = 2: b =" << fit << " fit\n";
  check<Error>(fit == " 2 4 8", "2 b should divide 16");
} catch (const std::exception& e) {
  std::cerr << "19_convolution: " << e.what() << '\n';
  return 1;
}
