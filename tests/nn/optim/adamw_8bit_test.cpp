#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "kernels/adamw_8bit.h"
#include "kernels/cuda.h"
#include "kernels/optim.h"
#include "kernels/quantize.h"
#include "kernels/threads.h"
#include "nn/optim/detail/update_rule.h"
#include "nn/optim/optimizer.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/autograd/op_case.h"
#include "tests/devices.h"
#include "tests/paths.h"

namespace papilio::test {

namespace {

constexpr int64_t kCount = 4096 + 60;  // the last block has 60
constexpr nn::AdamWOptions kOptions = {.lr = 1e-2};

std::vector<float> map_of(bool is_signed) {
  const Tensor map = empty({256});
  cpu::dynamic_table(view(map), is_signed);
  return map.to_vector<float>();
}

// p, and the moments as the state has them.
struct State {
  std::vector<float> p, m, v;
};

State state_of(const Tensor& p, const nn::Optimizer& optimizer) {
  const auto state = optimizer.state_dict();
  const auto moment = [&](const std::string& name, bool is_signed) {
    const auto map = map_of(is_signed);
    const auto codes = state.at(name).to_vector<uint8_t>();
    const auto absmax = state.at(name + "_absmax").to_vector<float>();
    std::vector<float> x;
    for (size_t i = 0; i < codes.size(); ++i)
      x.push_back(map[codes[i]] * absmax[i / size_t(kMomentBlock)]);
    return x;
  };
  return {p.to_vector<float>(), moment("0.exp_avg", true), moment("0.exp_avg_sq", false)};
}

// What the block's numbers would have lost at least: the distance to the nearest of map absmax.
double nearest_distance(double x, double absmax, const std::vector<float>& map) {
  double least = INFINITY;
  for (const float value : map) least = std::min(least, std::abs(double(value) * absmax - x));
  return least;
}

void check_moment(const std::vector<double>& exact, const std::vector<float>& kept,
                  const std::vector<float>& map) {
  for (size_t begin = 0; begin < exact.size(); begin += size_t(kMomentBlock)) {
    const size_t end = std::min(exact.size(), begin + size_t(kMomentBlock));
    double absmax = 0;
    for (size_t i = begin; i < end; ++i) absmax = std::max(absmax, std::abs(exact[i]));
    for (size_t i = begin; i < end; ++i) {
      const double lost = std::abs(double(kept[i]) - exact[i]);
      CHECK(lost <= nearest_distance(exact[i], absmax, map) + 2e-6 * absmax);
    }
  }
}

// Values over three decades, so that a block's small ones have few codes.
Tensor gradient(int64_t n, uint64_t step) {
  const auto size = uniform64({n}, -3, 0, 40 + step).to_vector<double>();
  auto g = uniform64({n}, -1, 1, 80 + step).to_vector<double>();
  for (size_t i = 0; i < g.size(); ++i) g[i] *= std::pow(10, size[i]);
  return copy_of(tensor<double>(g, {n}), DType::float32);
}

void train(nn::Optimizer& optimizer, const Tensor& p, uint64_t first, uint64_t last) {
  for (uint64_t step = first; step < last; ++step) {
    set_grad(p, copy_of(gradient(p.numel(), step), p.device()));
    optimizer.step();
  }
}

Tensor parameter(int64_t n = kCount, Device device = Device::cpu()) {
  return leaf(copy_of(copy_of(uniform64({n}), DType::float32), device));
}

}  // namespace

TEST_CASE("AdamW8bit: a step from the state before it, written out") {
  for (const Device device : devices()) {
    CAPTURE(device);
    Tensor p = parameter(kCount, device);
    nn::AdamW8bit adam({{{p}, 1, 0.1}}, kOptions);
    for (uint64_t t = 1; t <= 4; ++t) {
      const State before = state_of(p, adam);
      train(adam, p, t - 1, t);
      const auto g = gradient(kCount, t - 1).to_vector<double>();
      std::vector<double> m, v;
      double worst = 0;
      const State after = state_of(p, adam);
      for (size_t i = 0; i < g.size(); ++i) {
        m.push_back(0.9 * double(before.m[i]) + 0.1 * g[i]);
        v.push_back(0.999 * double(before.v[i]) + 0.001 * g[i] * g[i]);
        const double mh = m[i] / (1 - std::pow(0.9, double(t))),
                     vh = v[i] / (1 - std::pow(0.999, double(t)));
        const double want =
            double(before.p[i]) * (1 - 0.01 * 0.1) - 0.01 * mh / (std::sqrt(vh) + 1e-8);
        worst = std::max(worst, std::abs(want - double(after.p[i])));
      }
      CHECK(worst < 1e-6);
      check_moment(m, after.m, map_of(true));
      check_moment(v, after.v, map_of(false));
    }
  }
}

TEST_CASE("AdamW8bit: four steps of bitsandbytes'") {
  const auto golden = load_safetensors(std::filesystem::path(source_root) /
                                       "tests/golden/quantized/adamw_8bit.safetensors")
                          .tensors;
  CHECK(map_of(true) == golden.at("signed_map").to_vector<float>());
  CHECK(map_of(false) == golden.at("unsigned_map").to_vector<float>());
  for (const Device device : devices()) {
    CAPTURE(device);
    Tensor p = leaf(copy_of(golden.at("start"), device));
    nn::AdamW8bit adam({{{p}, 1, 0.1}}, kOptions);
    const auto gradients = golden.at("gradients").to_vector<float>();
    for (size_t step = 0; step < 4; ++step) {
      const auto* g = gradients.data() + step * size_t(kCount);
      set_grad(p, copy_of(tensor<float>(std::vector<float>(g, g + kCount), {kCount}), device));
      adam.step();
    }
    const auto state = adam.state_dict();
    for (const char* name : {"exp_avg", "exp_avg_sq"}) {
      CAPTURE(std::string(name));
      const auto got = state.at(std::string("0.") + name).to_vector<uint8_t>(),
                 want = golden.at(name).to_vector<uint8_t>();
      // Halfway between two values the last bit of a product decides.
      int64_t others = 0;
      for (size_t i = 0; i < want.size(); ++i) {
        CHECK(std::abs(int(got[i]) - int(want[i])) <= 1);
        others += got[i] != want[i];
      }
      CHECK(others <= 4);
      const std::string absmax = std::string(name) + "_absmax";
      const auto scales = state.at("0." + absmax).to_vector<float>(),
                 wanted = golden.at(absmax).to_vector<float>();
      REQUIRE(scales.size() == wanted.size());
      for (size_t i = 0; i < wanted.size(); ++i)
        CHECK(scales[i] == doctest::Approx(wanted[i]).epsilon(1e-6));
    }
    const auto got = p.to_vector<float>(), want = golden.at("parameter").to_vector<float>();
    int64_t far = 0;
    for (size_t i = 0; i < want.size(); ++i) far += std::abs(got[i] - want[i]) > 1e-6F;
    CHECK(far <= 4);
  }
}

TEST_CASE("AdamW8bit: small parameters, and those of float64, are AdamW's") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const int64_t n = dtype == DType::float32 ? 4095 : kCount;
    Tensor one = leaf(copy_of(uniform64({n}), dtype)), two = leaf(copy_of(uniform64({n}), dtype));
    nn::AdamW whole({{{one}, 1, 0.1}}, kOptions);
    nn::AdamW8bit coded({{{two}, 1, 0.1}}, kOptions);
    for (uint64_t step = 0; step < 3; ++step) {
      for (const Tensor& p : {one, two}) set_grad(p, copy_of(gradient(n, step), dtype));
      whole.step(), coded.step();
    }
    CHECK(one.to_vector<double>() == two.to_vector<double>());
    CHECK(coded.state_dict().at("0.exp_avg").dtype() == dtype);
    CHECK(coded.state_dict().size() == 3);
  }
}

TEST_CASE("AdamW8bit: two bytes a parameter, and two scales a block") {
  Tensor p = parameter(8192);
  nn::AdamW8bit adam({{{p}}});
  const auto state = adam.state_dict();
  CHECK(state.at("0.exp_avg").dtype() == DType::uint8);
  CHECK(state.at("0.exp_avg").shape() == p.shape());
  CHECK(state.at("0.exp_avg_sq_absmax").shape() == Dims{32});
  size_t bytes = 0;
  for (const auto& [name, tensor] : state)
    bytes += size_t(tensor.numel()) * size_of(tensor.dtype());
  CHECK(bytes == 2 * 8192 + 2 * 32 * 4 + 8);
}

TEST_CASE("AdamW8bit: N + M steps are N, save, load, M, bit for bit; on any number of threads") {
  const int threads = num_threads();
  for (const Device device : devices()) {
    CAPTURE(device);
    Tensor one = parameter(50000, device), two = parameter(50000, device);
    nn::AdamW8bit straight({{{one}, 1, 0.1}}, kOptions);
    train(straight, one, 0, 5);
    set_num_threads(3);
    nn::AdamW8bit before({{{two}, 1, 0.1}}, kOptions), after({{{two}, 1, 0.1}}, kOptions);
    train(before, two, 0, 3);
    after.load_state_dict(before.state_dict());
    train(after, two, 3, 5);
    set_num_threads(threads);
    CHECK(one.to_vector<float>() == two.to_vector<float>());
    for (const auto& [name, tensor] : straight.state_dict())
      CHECK(tensor.to_vector<double>() == after.state_dict().at(name).to_vector<double>());
    CHECK_THROWS_WITH(nn::AdamW({{{two}}}).load_state_dict(before.state_dict()),
                      "Optimizer: expected 0.exp_avg of float32, got uint8");
    CHECK_THROWS_WITH(before.load_state_dict(nn::AdamW({{{two}}}).state_dict()),
                      "Optimizer: expected 0.exp_avg of uint8, got float32");
  }
}

TEST_CASE("AdamW8bit: zeros stay where they are, and a parameter without a gradient too") {
  Tensor p = parameter(), q = parameter();
  const auto before = p.to_vector<float>();
  nn::AdamW8bit adam({{{p, q}}}, kOptions);
  set_grad(p, zeros({kCount}));
  adam.step();
  adam.step();
  CHECK(p.to_vector<float>() == before);
  CHECK(q.to_vector<float>() == before);
}

TEST_CASE("AdamW8bit: rates of groups scale, and it goes where AdamW goes") {
  // To the least of (p - 1)^2 from 0: both rise by the rate at first and end at 1.
  for (const bool coded : {false, true}) {
    Tensor p = leaf(zeros({8192}));
    const std::vector<nn::ParameterGroup> groups{{{p}, 0.5, 0}};
    const std::unique_ptr<nn::Optimizer> optimizer =
        coded ? std::unique_ptr<nn::Optimizer>(new nn::AdamW8bit(groups, {.lr = 0.1}))
              : std::make_unique<nn::AdamW>(groups, nn::AdamWOptions{.lr = 0.1});
    for (int step = 0; step < 300; ++step) {
      auto g = p.to_vector<float>();
      for (float& v : g) v = 2 * (v - 1);
      set_grad(p, tensor<float>(g, {8192}));
      optimizer->step();
      if (step == 0) CHECK(p.to_vector<float>()[0] == doctest::Approx(0.05).epsilon(1e-5));
    }
    for (const float v : p.to_vector<float>()) CHECK(v == doctest::Approx(1).epsilon(0.01));
  }
}

TEST_CASE("AdamW8bit: a step with rates on the device is one with rates from here, or none") {
  if (no_device()) return;
  Tensor one = parameter(kCount, Device::cuda()), two = parameter(kCount, Device::cuda());
  nn::AdamW8bit plain({{{one}, 1, 0.1}}, kOptions), live({{{two}, 1, 0.1}}, kOptions);
  const Tensor memory = empty({sizeof(LiveStep)}, {.dtype = DType::uint8, .device = one.device()});
  for (const double factor : {1.0, 0.0}) {
    if (factor != 0) train(plain, one, 0, 1);
    set_grad(two, copy_of(gradient(kCount, 0), two.device()));
    nn::Optimizer::Captured captured(live);
    const LiveStep step{.rates = captured.begin(), .factor = factor};
    cuda::copy_from_host(memory.raw_data(), &step, sizeof step, two.device().index);
    captured.record(static_cast<const LiveStep*>(memory.raw_data()));
    captured.end(factor != 0);
    CHECK(two.to_vector<float>() == one.to_vector<float>());
    for (const auto& [name, tensor] : plain.state_dict())
      CHECK(tensor.to_vector<double>() == live.state_dict().at(name).to_vector<double>());
  }
}

TEST_CASE("AdamW8bit: wrong use") {
  Tensor p = parameter();
  CHECK_THROWS_WITH(nn::AdamW8bit({{{p}}}, {.beta2 = 1}),
                    "AdamW8bit: expected betas in [0, 1), got 1");
  CHECK_THROWS_WITH(nn::AdamW8bit({{{p}}}, {.eps = -1}), "AdamW8bit: expected eps >= 0, got -1");
}

}  // namespace papilio::test
