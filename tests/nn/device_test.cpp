// Transfers, random numbers, indices and layers on a device: what they do on the CPU. Passed over
// without one.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "autograd/anomaly.h"
#include "autograd/backward.h"
#include "autograd/ops.h"
#include "kernels/index.h"
#include "nn/layers/conv2d.h"
#include "nn/layers/dropout.h"
#include "nn/layers/linear.h"
#include "tensor/copy.h"
#include "tensor/print.h"
#include "tensor/random.h"
#include "tests/autograd/op_case.h"
#include "tests/devices.h"
#include "tests/near.h"

namespace papilio::test {

TEST_CASE("to: values there and back, strided, converted, and the gradient on its way") {
  if (no_device()) return;
  const Tensor x = leaf(uniform64({3, 5}));
  const Tensor y = to(x, Device::cuda());
  CHECK(y.device() == Device::cuda());
  CHECK(y.to_vector<double>() == x.to_vector<double>());
  CHECK(transpose(y, 0, 1).to_vector<double>() == transpose(x, 0, 1).to_vector<double>());
  backward(sum(y * y));
  CHECK(grad(x).device() == Device::cpu());
  check_near(grad(x), x.detach() * 2.0, 1e-12);
  // Between devices, layouts and dtypes at once.
  const Tensor wide = zeros({5, 6}, {.device = Device::cuda()});
  copy_(slice(transpose(wide, 0, 1), 0, 0, 6, 2), x.detach());
  CHECK(slice(transpose(wide, 0, 1), 0, 0, 6, 2).to_vector<float>() == x.to_vector<float>());
  CHECK(str(to(tensor<float>({1, 2}), Device::cuda())).find('1') != std::string::npos);
}

TEST_CASE("to: what one operation computes on two devices is refused") {
  if (no_device()) return;
  const Tensor here = ones({2}), there = ones({2}, {.device = Device::cuda()});
  CHECK_THROWS_WITH_AS(here + there, "add: expected tensors on one device, got cpu and cuda:0",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(there.data<float>(),
                       "data: the tensor is on cuda:0; copy it to the CPU first", ArgumentError);
  CHECK_THROWS_WITH_AS(to(here, Device::cuda(64)),
                       str("to: device cuda:64 is not available: this machine has ",
                           cuda_device_count(), cuda_device_count() == 1 ? " GPU" : " GPUs")
                           .c_str(),
                       ArgumentError);
}

TEST_CASE("a product with a bias on each device: advised, without advice, and refused") {
  if (no_device()) return;
  const int devices = std::min(cuda_device_count(), 2);
  for (const DType dtype : {DType::float32, DType::bfloat16})
    for (const int64_t k : {4, 5, 7})
      for (const int64_t n : {2, 3}) {
        const auto random = [&](Dims shape) { return copy_of(randn(shape), dtype); };
        const Tensor x = random({3, k}), w = random({n, k}), bias = random({n});
        const auto want = linear(x, w, bias).to_vector<double>();
        for (int i = 0; i < 2 * devices; ++i) {
          const int index = i % devices;
          CAPTURE(str(dtype, " ", k, " ", n, " ", index));
          const Device there = Device::cuda(index);
          const auto got = linear(copy_of(x, there), copy_of(w, there), copy_of(bias, there))
                               .to_vector<double>();
          for (size_t e = 0; e < want.size(); ++e)
            CHECK(got[e] == doctest::Approx(want[e]).epsilon(2e-2).scale(1));
        }
      }
}

TEST_CASE("a product whose bias begins anywhere does not go by advice for one that is aligned") {
  if (no_device()) return;
  const Tensor x = randn({73}), w = randn({16, 8}), b = randn({17});
  const auto product = [&](Device device, int64_t x_at, int64_t b_at, bool with_gelu) {
    const Tensor rows = reshape(slice(copy_of(x, device), 0, x_at, x_at + 72), {9, 8});
    const Tensor weight = copy_of(w, device);
    const Tensor bias = slice(copy_of(b, device), 0, b_at, b_at + 16);
    return with_gelu ? linear_gelu(rows, weight, bias, GeluApproximate::tanh)
                     : linear(rows, weight, bias);
  };
  for (const bool with_gelu : {false, true})
    for (const auto& [x_at, b_at] : {std::pair(1, 0), {0, 1}, {0, 0}, {1, 1}})
      check_near(product(Device::cpu(), x_at, b_at, with_gelu),
                 product(Device::cuda(), x_at, b_at, with_gelu), 1e-5);
}

TEST_CASE("random numbers are the CPU's, up to rounding where there is any") {
  if (no_device()) return;
  for (DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16}) {
    const TensorOptions here{.dtype = dtype}, there{.dtype = dtype, .device = Device::cuda()};
    for (int64_t n : {1, 5, 1000}) {
      Generator a(9), b(9);
      CHECK(rand({n}, here, a).to_vector<double>() == rand({n}, there, b).to_vector<double>());
      CHECK(a.state() == b.state());
      check_near(uniform({n}, -2, 3, here, a), uniform({n}, -2, 3, there, b),
                 size_of(dtype) == 2 ? 1e-2 : 1e-6);
      check_near(normal({n}, 1, 2, here, a), normal({n}, 1, 2, there, b),
                 size_of(dtype) == 2 ? 1e-2 : 1e-5);
    }
  }
}

TEST_CASE("random integers, permutations and coins are the CPU's, element for element") {
  if (no_device()) return;
  const Device there = Device::cuda();
  Generator a(9), b(9);
  for (DType dtype : {DType::int64, DType::int32, DType::uint8}) {
    for (int64_t n : {1, 5, 1000}) {
      CHECK(randint(3, 200, {n}, dtype, a).to_vector<int64_t>() ==
            randint(3, 200, {n}, dtype, b, there).to_vector<int64_t>());
    }
  }
  for (int64_t n : {0, 1, 2, 3, 7, 700}) {
    CHECK(randperm(n, a).to_vector<int64_t>() == randperm(n, b, there).to_vector<int64_t>());
    CHECK(bernoulli({n}, 0.3, a).to_vector<bool>() ==
          bernoulli({n}, 0.3, b, there).to_vector<bool>());
  }
  CHECK(a.state() == b.state());
}

TEST_CASE("layers that draw or pad compute on a device what they compute on the CPU") {
  if (no_device()) return;
  const Tensor x = leaf(uniform64({2, 3, 6, 5}));
  const auto compare = [&](auto& layer) {
    const auto run = [&](Device device) {
      manual_seed(4);
      nn::to(layer, device);
      zero_grad(x);
      const Tensor y = to(layer(to(x, device)), Device::cpu());
      backward(y, uniform64(y.shape(), -1, 1, 3));
      return std::pair(y.detach(), copy_of(grad(x)));
    };
    const auto [y, dx] = run(Device::cpu());
    const auto [y_there, dx_there] = run(Device::cuda());
    check_near(y, y_there, 1e-12);
    check_near(dx, dx_there, 1e-12);
  };
  nn::DropPath path(0.4);
  nn::Dropout drop(0.3);
  compare(path);
  compare(drop);
  for (auto mode :
       {nn::PaddingMode::reflect, nn::PaddingMode::replicate, nn::PaddingMode::circular}) {
    nn::Conv2d conv(3, 4, {3, 3}, {.padding = {2, 1}}, true, mode);
    nn::to(conv, DType::float64);
    compare(conv);
  }
}

TEST_CASE("NaN and infinity are found on a device, also where squares overflow") {
  if (no_device()) return;
  for (DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16}) {
    const auto there = [&](double value) {
      Tensor x = ones({3, 40}, {.dtype = dtype});
      fill_(x.alias(x.layout().select("x", 1, 17)), value);
      return transpose(copy_of(x, Device::cuda()), 0, 1);
    };
    CHECK(all_finite(there(dtype == DType::float64 ? 1e300 : 6e4)));
    CHECK_FALSE(has_nan(there(-INFINITY)));
    CHECK_FALSE(all_finite(there(INFINITY)));
    CHECK(has_nan(there(NAN)));
    CHECK_FALSE(all_finite(there(NAN)));
  }
}

TEST_CASE("an index on a device: outside it picks NaN, and is named where that may wait") {
  if (no_device()) return;
  struct Checked {
    Checked() { cuda::check_indices(true); }
    ~Checked() { cuda::check_indices(false); }
  };
  const auto index = [](std::vector<int64_t> values) {
    return copy_of(tensor(values), Device::cuda());
  };
  const Tensor x = ones({300, 2}, {.device = Device::cuda()});
  std::vector<int64_t> values(1000, 7);
  values[999] = -1, values[600] = 300;
  const std::vector<int64_t> classes{1, -100, 0, 2};
  {
    const Tensor weight = leaf(ones({300, 2}, {.device = Device::cuda()}));
    const Tensor y = embedding(weight, index(values));
    CHECK(y.to_vector()[1198] == 1);
    CHECK(std::isnan(y.to_vector()[1200]));
    CHECK(std::isnan(y.to_vector()[1999]));
    backward(y, ones(y.shape(), {.device = Device::cuda()}));
    std::vector<float> picked(600, 0.f);
    picked[14] = picked[15] = 998;
    CHECK(grad(weight).to_vector() == picked);
    const Tensor whole = ones({3}, {.dtype = DType::int32, .device = Device::cuda()});
    CHECK(gather(whole, 0, index({1, 3})).to_vector<int>() == std::vector<int>{1, -1});
    const Tensor logits = leaf(ones({4, 2}, {.device = Device::cuda()}));
    const auto losses =
        cross_entropy(logits, index(classes), {.reduction = Reduction::none}).to_vector();
    CHECK(losses[1] == 0);
    CHECK(losses[2] == doctest::Approx(std::log(2)));
    CHECK(std::isnan(losses[3]));
  }
  const Checked checked;
  CHECK_THROWS_WITH_AS(index_select(x, 0, index(values)),
                       "index_select: index 300 at (600) is out of range [0, 300)", ArgumentError);
  CHECK_THROWS_WITH_AS(cross_entropy(ones({4, 2}, {.device = Device::cuda()}), index(classes)),
                       "cross_entropy: expected classes in [0, 2), got 2 in row 3", ArgumentError);
  CHECK_THROWS_WITH_AS(cross_entropy(ones({4, 2}, {.device = Device::cuda()}), tensor(classes)),
                       "cross_entropy: expected tensors on one device, got cuda:0 and cpu",
                       ArgumentError);
}

TEST_CASE("an index with many repeats adds its gradients in their order, as the CPU does") {
  if (no_device()) return;
  Generator g(8);
  for (int64_t k : {1, 511, 513, 3000}) {
    const Tensor index = randint(0, 37, {k}, DType::int64, g);
    const Tensor dy = randn({k, 3}, {}, g);
    const auto run = [&](Device device) {
      const Tensor weight = leaf(zeros({40, 3}, {.device = device}));
      backward(embedding(weight, copy_of(index, device), 5), copy_of(dy, device));
      return grad(weight).to_vector();
    };
    CHECK(run(Device::cpu()) == run(Device::cuda()));
  }
}

TEST_CASE("a large tensor travels through several pinned buffers") {
  if (no_device()) return;
  Generator g(2);
  const Tensor x = randn({3, 1000003}, {}, g);  // 12 MB
  CHECK(copy_of(copy_of(x, Device::cuda()), Device::cpu()).to_vector() == x.to_vector());
}

TEST_CASE("small tensors one after another: none of them is written over on its way") {
  if (no_device()) return;
  std::vector<Tensor> there;
  for (int i = 0; i < 100; ++i)
    there.push_back(copy_of(full({1 + i * 150}, i), Device::cuda()));  // up to 59 kB
  for (int i = 0; i < 100; ++i)
    CHECK(there[size_t(i)].to_vector() == std::vector<float>(size_t(1 + i * 150), float(i)));
}

}  // namespace papilio::test
