#include "autograd/ops/arithmetic.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "tensor/copy.h"
#include "tests/autograd/ops/elementwise_reference.h"

namespace papilio::test {

TEST_CASE("add") {
  run({.name = "add",
       .samples = zip_samples([](const Tensor& a, const Tensor& b) { return a + b; },
                              [](double a, double b) { return a + b; }, -2, 2, -2, 2),
       .errors = {
           {"dtypes", [] { add(scalar(1), arange(3)); },
            "add: expected tensors of one dtype, got float32 and int64"},
           {"shapes",
            [] {
              add(zeros({2, 3}), zeros({2, 4}));
            },
            "add: shapes (2, 3) and (2, 4) do not broadcast"},
           {"uint8", [] { add(zeros({2}, {.dtype = DType::uint8}), 1); },
            "add: expected a floating, int64 or int32 tensor, got uint8"},
           {"fraction", [] { add(arange(2), 0.5); },
            "add: expected a whole number for int64, got 0.5"},
           {"undefined", [] { add(Tensor(), scalar(1)); }, "add: first argument is undefined"}}});
}

TEST_CASE("sub") {
  run({.name = "sub",
       .samples = zip_samples([](const Tensor& a, const Tensor& b) { return a - b; },
                              [](double a, double b) { return a - b; }, -2, 2, -2, 2)});
}

TEST_CASE("mul") {
  run({.name = "mul",
       .samples = zip_samples([](const Tensor& a, const Tensor& b) { return a * b; },
                              [](double a, double b) { return a * b; }, -2, 2, -2, 2)});
}

TEST_CASE("div") {
  run({.name = "div",
       .samples = zip_samples([](const Tensor& a, const Tensor& b) { return a / b; },
                              [](double a, double b) { return a / b; }, -2, 2, 0.5, 3),
       .errors = {
           {"integers", [] { div(arange(3), arange(3)); },
            "div: expected floating tensors, got int64; cast(x, dtype) makes them floating"},
           {"integer by number", [] { arange(3) / 2; },
            "div: expected floating tensors, got int64; cast(x, dtype) makes them floating"}}});
}

TEST_CASE("neg") {
  run({.name = "neg",
       .samples =
           map_samples([](const Tensor& x) { return -x; }, [](double x) { return -x; }, -2, 2),
       .errors = {{"bool", [] { neg(zeros({2}, {.dtype = DType::boolean})); },
                   "neg: expected a floating, int64 or int32 tensor, got bool"}}});
}

TEST_CASE("arithmetic with numbers, on both sides") {
  auto samples = map_samples([](const Tensor& x) { return x + 0.75; },
                             [](double x) { return x + 0.75; }, -2, 2);
  auto more = [&](auto f, auto reference) {
    for (auto& s : map_samples(f, reference, 0.5, 2)) samples.push_back(s);
  };
  more([](const Tensor& x) { return 0.75 + x; }, [](double x) { return x + 0.75; });
  more([](const Tensor& x) { return x - 0.75; }, [](double x) { return x - 0.75; });
  more([](const Tensor& x) { return 0.75 - x; }, [](double x) { return 0.75 - x; });
  more([](const Tensor& x) { return x * -1.5; }, [](double x) { return x * -1.5; });
  more([](const Tensor& x) { return -1.5 * x; }, [](double x) { return x * -1.5; });
  more([](const Tensor& x) { return x / 0.75; }, [](double x) { return x / 0.75; });
  more([](const Tensor& x) { return 0.75 / x; }, [](double x) { return 0.75 / x; });
  run({.name = "arithmetic with numbers", .samples = samples});
}

TEST_CASE("arithmetic: integers, wrapping at the ends") {
  const Tensor a = int64s({7, -3, 0}), b = int64s({2, 5, -4});
  using V = std::vector<int64_t>;
  CHECK((a + b).to_vector<int64_t>() == V{9, 2, -4});
  CHECK((a - b).to_vector<int64_t>() == V{5, -8, 4});
  CHECK((a * b).to_vector<int64_t>() == V{14, -15, 0});
  CHECK((-a).to_vector<int64_t>() == V{-7, 3, 0});
  CHECK((a * 3).to_vector<int64_t>() == V{21, -9, 0});
  CHECK((10 - a).to_vector<int64_t>() == V{3, 13, 10});
  CHECK((a + a).dtype() == DType::int64);
  const int32_t most = std::numeric_limits<int32_t>::max(),
                least = std::numeric_limits<int32_t>::min();
  const Tensor ends = tensor<int32_t>({most, least});
  CHECK((ends + 1).to_vector<int32_t>() == std::vector<int32_t>{least, least + 1});
  CHECK((-ends).to_vector<int32_t>() == std::vector<int32_t>{-most, least});
  CHECK((ends * ends).to_vector<int32_t>() == std::vector<int32_t>{1, 0});
}

TEST_CASE("arithmetic: a tensor used on both sides gets both gradients") {
  const Tensor x = leaf(scalar(3, {.dtype = DType::float64}));
  backward(x * x + x / x - x);
  CHECK(grad(x).item() == doctest::Approx(5));
}

TEST_CASE("elementwise operations on a device: views that begin and end anywhere") {
  if (cuda_device_count() == 0) return;
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::float64, DType::int32})
    for (const int64_t n : {1, 7, 16, 37})
      for (const int64_t at : {0, 1, 2, 8}) {
        CAPTURE(str(dtype, " ", n, " ", at));
        const Tensor memory = copy_of(uniform64({n + 8}, -9, 9), dtype);
        const auto results = [&](Device device) {
          const Tensor all = copy_of(memory, device), a = slice(all, 0, at, at + n);
          const Tensor b = slice(all, 0, 0, n);
          auto values = (a + b).to_vector<double>();
          for (const Tensor& y : {a * b, lt(a, b), relu(a), a - slice(all, 0, 0, 1)})
            for (const double v : y.to_vector<double>()) values.push_back(v);
          return values;
        };
        CHECK(results(Device::cpu()) == results(Device::cuda()));
      }
}

TEST_CASE("arithmetic: large tensors are split over threads without a seam") {
  const Tensor a = uniform64({301, 257}), b = uniform64({257}, -1, 1, 2);
  const auto x = a.to_vector<double>(), y = b.to_vector<double>(), z = (a * b).to_vector<double>();
  int64_t wrong = 0;
  for (size_t i = 0; i < z.size(); ++i) wrong += z[i] != x[i] * y[i % 257];
  CHECK(wrong == 0);
}

}  // namespace papilio::test
