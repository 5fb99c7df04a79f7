#include "tensor/random.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/philox.h"

using namespace papilio;

namespace {

constexpr DType kFloating[] = {DType::float32, DType::float64, DType::bfloat16, DType::float16};

struct Moments {
  double mean, variance, skewness, kurtosis;
};

Moments moments_of(const std::vector<double>& x) {
  const double n = double(x.size()), mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double m2 = 0, m3 = 0, m4 = 0;
  for (const double v : x) {
    const double d = v - mean;
    m2 += d * d / n, m3 += d * d * d / n, m4 += d * d * d * d / n;
  }
  return {mean, m2, m3 / std::pow(m2, 1.5), m4 / (m2 * m2)};
}

// sqrt(n) sup |F_n - F|, below 1.95 with probability 0.999 for the right F.
double kolmogorov_smirnov(std::vector<double> x, const std::function<double(double)>& cdf) {
  std::sort(x.begin(), x.end());
  double worst = 0;
  const double n = double(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double f = cdf(x[i]);
    worst = std::max({worst, f - double(i) / n, double(i + 1) / n - f});
  }
  return std::sqrt(n) * worst;
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

std::vector<Tensor> one_of_each(Generator& g) {
  std::vector<Tensor> all;
  for (const DType dtype : kFloating) {
    all.push_back(rand({1001}, {.dtype = dtype}, g));
    all.push_back(randn({77, 13}, {.dtype = dtype}, g));
  }
  all.push_back(randint(-5, 1000, {333}, DType::int64, g));
  all.push_back(randint(0, 7, {100000}, DType::uint8, g));
  all.push_back(randperm(515, g));
  all.push_back(bernoulli({70001}, 0.3, g));
  return all;
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  bool same = a.size() == b.size();
  for (size_t i = 0; same && i < a.size(); ++i)
    same = a[i].to_vector<double>() == b[i].to_vector<double>();
  return same;
}

}  // namespace

TEST_CASE("random: values follow from the documented words") {
  Generator g(42);
  g.set_state({42, 8});
  const auto u32 = rand({7}, {}, g).to_vector<float>();
  const auto u64 = rand({3}, {.dtype = DType::float64}, g).to_vector<double>();
  const auto n32 = randn({5}, {}, g).to_vector<float>();
  const auto i64 = randint(-3, 7, {2}, DType::int64, g).to_vector<int64_t>();
  const auto coin = bernoulli({6}, 0.4, g).to_vector<bool>();
  CHECK(g.state() == GeneratorState{42, 8 + 8 + 8 + 8 + 4 + 8});
  for (size_t i = 0; i < 7; ++i) CHECK(u32[i] == float(philox_bits(42, 8 + i) >> 8) * 0x1p-24f);
  for (size_t i = 0; i < 3; ++i) {
    const uint64_t bits = uint64_t(philox_bits(42, 16 + 2 * i)) << 32 | philox_bits(42, 17 + 2 * i);
    CHECK(u64[i] == double(bits >> 11) * 0x1p-53);
  }
  for (size_t i = 0; i < 5; ++i) {
    const double u = (philox_bits(42, 24 + i / 2 * 2) + 0.5) * 0x1p-32;
    const double t = 2 * M_PI * philox_bits(42, 25 + i / 2 * 2) * 0x1p-32;
    const double expected = std::sqrt(-2 * std::log(u)) * (i % 2 ? std::sin(t) : std::cos(t));
    CHECK(n32[i] == doctest::Approx(expected).epsilon(1e-5));
  }
  for (size_t i = 0; i < 2; ++i) {
    const double part =
        philox_bits(42, 32 + 2 * i) * 0x1p-32;  // the upper half decides but for 10 / 2^32
    CHECK(i64[i] == -3 + int64_t(part * 10));
  }
  for (size_t i = 0; i < 6; ++i) CHECK(coin[i] == (philox_bits(42, 36 + i) < 0.4 * 0x1p32));
}

TEST_CASE(
    "random: element i comes from its own words, far beyond the first batch and block counter "
    "2^32") {
  const GeneratorState state{9, (uint64_t(1) << 34) - 400};
  Generator g;
  g.set_state(state);
  const auto x = rand({100000}, {}, g).to_vector<float>();
  g.set_state(state);
  const auto y = rand({100000}, {.dtype = DType::float64}, g).to_vector<double>();
  size_t wrong = 0;
  for (uint64_t i = 0; i < 100000; ++i) {
    const uint64_t at = state.offset + i, first = philox_bits(9, at + i);
    const uint64_t bits = first << 32 | philox_bits(9, at + i + 1);
    wrong += x[i] != float(philox_bits(9, at) >> 8) * 0x1p-24f;
    wrong += y[i] != double(bits >> 11) * 0x1p-53;
  }
  CHECK(wrong == 0);
}

TEST_CASE("random: the number of threads changes nothing") {
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  Generator a(7);
  const auto one = one_of_each(a);
  for (const int threads : {2, 3, 5}) {
    omp_set_num_threads(threads);
    Generator b(7);
    CHECK(same_bits(one, one_of_each(b)));
    CHECK(a.state() == b.state());
  }
  omp_set_num_threads(before);
}

TEST_CASE("random: a longer draw begins with the shorter one, wherever batches end") {
  for (const DType dtype : kFloating) {
    Generator a(3), b(3);
    const auto lengthy = randn({300}, {.dtype = dtype}, a).to_vector<double>();
    for (const int64_t n : {1, 2, 127, 128, 129, 255, 256, 257}) {
      b.manual_seed(3);
      const auto brief = randn({n}, {.dtype = dtype}, b).to_vector<double>();
      CHECK(std::equal(brief.begin(), brief.end(), lengthy.begin()));
    }
  }
}

TEST_CASE("random: a restored state repeats, in the middle too") {
  Generator g(11);
  one_of_each(g);
  const GeneratorState saved = g.state();
  const auto first = one_of_each(g);
  CHECK_FALSE(same_bits(first, one_of_each(g)));
  g.set_state(saved);
  CHECK(same_bits(first, one_of_each(g)));
  Generator other(99);
  other.set_state(saved);
  CHECK(same_bits(first, one_of_each(other)));
}

TEST_CASE("random: generators are independent of each other and of the default one") {
  Generator a(1), b(2), again(1);
  const auto x = rand({1000}, {.dtype = DType::float64}, a).to_vector<double>();
  const auto y = rand({1000}, {.dtype = DType::float64}, b).to_vector<double>();
  rand({10});
  CHECK(x == rand({1000}, {.dtype = DType::float64}, again).to_vector<double>());
  double covariance = 0;
  for (size_t i = 0; i < x.size(); ++i) covariance += (x[i] - 0.5) * (y[i] - 0.5) / 1000;
  CHECK(std::abs(covariance * 12) < 4 / std::sqrt(1000.0));

  manual_seed(5);
  const auto p = randn({8}).to_vector<float>();
  CHECK(p != randn({8}).to_vector<float>());
  manual_seed(5);
  CHECK(p == randn({8}).to_vector<float>());
}

TEST_CASE("rand and uniform: moments, Kolmogorov-Smirnov, and always below the upper end") {
  const int64_t n = 200000;
  for (const DType dtype : kFloating) {
    CAPTURE(dtype);
    Generator g(17);
    const auto x = rand({n}, {.dtype = dtype}, g).to_vector<double>();
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    CHECK(*low >= 0);
    CHECK(*high < 1);
    const Moments m = moments_of(x);
    const double step = dtype == DType::bfloat16  ? 0x1p-8
                        : dtype == DType::float16 ? 0x1p-11
                                                  : 0;  // k / 2^p
    CHECK(std::abs(m.mean + step / 2 - 0.5) < 4 * std::sqrt(1 / 12.0 / double(n)));
    CHECK(m.variance == doctest::Approx(1 / 12.0).epsilon(0.01));
    CHECK(m.kurtosis == doctest::Approx(1.8).epsilon(0.01));
    if (step == 0) CHECK(kolmogorov_smirnov(x, [](double v) { return v; }) < 1.95);
    if (step == 0x1p-8) CHECK(*high == 1 - 0x1p-8);

    for (const auto& [from, to] :
         {std::pair{-3.0, 5.0}, {1.0, 2.0}, {-2.0, -1.0}, {0.0, 1e-3}, {-1.0, 0.0}}) {
      const auto y = uniform({20000}, from, to, {.dtype = dtype}, g).to_vector<double>();
      const auto [a, b] = std::minmax_element(y.begin(), y.end());
      CHECK(*a >= from - 1e-12);
      CHECK(*b < to);
      const double spacing = dtype == DType::bfloat16  ? 0x1p-8
                             : dtype == DType::float16 ? 0x1p-11
                                                       : 0;
      CHECK(std::abs(moments_of(y).mean - (from + to) / 2) < (to - from) * (0.01 + spacing));
    }
  }
  const auto constant = uniform({5}, 2, 2).to_vector<float>();
  CHECK(constant == std::vector<float>(5, 2.0f));
}

TEST_CASE("randn and normal: four moments, Kolmogorov-Smirnov, tails, pairs uncorrelated") {
  const int64_t n = 200000;
  for (const DType dtype : kFloating) {
    CAPTURE(dtype);
    Generator g(23);
    const auto x = randn({n}, {.dtype = dtype}, g).to_vector<double>();
    const Moments m = moments_of(x);
    CHECK(std::abs(m.mean) < 4 / std::sqrt(double(n)));
    CHECK(m.variance == doctest::Approx(1).epsilon(0.015));
    CHECK(std::abs(m.skewness) < 4 * std::sqrt(6.0 / double(n)));
    CHECK(std::abs(m.kurtosis - 3) < 4 * std::sqrt(24.0 / double(n)));
    if (size_of(dtype) > 2) CHECK(kolmogorov_smirnov(x, normal_cdf) < 1.95);
    const auto beyond = std::count_if(x.begin(), x.end(), [](double v) { return std::abs(v) > 4; });
    CHECK(beyond > 2);  // 12.7 expected
    CHECK(beyond < 30);
    double pairs = 0,
           squares = 0;  // the cosine and the sine of one angle share a radius but nothing else
    for (size_t i = 0; i < x.size(); i += 2) {
      pairs += x[i] * x[i + 1], squares += (x[i] * x[i] - 1) * (x[i + 1] * x[i + 1] - 1);
    }
    CHECK(std::abs(pairs) < 4 * std::sqrt(double(n) / 2));
    CHECK(std::abs(squares) < 4 * 2 * std::sqrt(double(n) / 2));

    const Moments y = moments_of(normal({n}, -2, 0.5, {.dtype = dtype}, g).to_vector<double>());
    CHECK(y.mean == doctest::Approx(-2).epsilon(0.005));
    CHECK(y.variance == doctest::Approx(0.25).epsilon(0.02));
  }
  CHECK(normal({3}, 1.5, 0).to_vector<float>() == std::vector<float>(3, 1.5f));
}

TEST_CASE("randint: every value equally often, extreme ranges") {
  Generator g(31);
  const auto x = randint(-3, 4, {70000}, DType::int32, g).to_vector<int64_t>();
  std::vector<double> count(7);
  for (const int64_t v : x) {
    REQUIRE(v >= -3);
    REQUIRE(v < 4);
    ++count[size_t(v + 3)];
  }
  double chi2 = 0;
  for (const double c : count) chi2 += (c - 10000) * (c - 10000) / 10000;
  CHECK(chi2 < 22.5);  // 6 degrees of freedom, p = 0.001

  CHECK(randint(5, 6, {3}, DType::int64, g).to_vector<int64_t>() == std::vector<int64_t>(3, 5));
  const auto wide = randint(INT64_MIN, INT64_MAX, {1000}, DType::int64, g).to_vector<int64_t>();
  CHECK(std::count_if(wide.begin(), wide.end(), [](int64_t v) { return v < 0; }) > 430);
  CHECK(std::count_if(wide.begin(), wide.end(), [](int64_t v) { return v > INT64_MAX / 2; }) > 180);
  const auto bytes = randint(0, 256, {20000}, DType::uint8, g).to_vector<int64_t>();
  CHECK(*std::max_element(bytes.begin(), bytes.end()) == 255);
  CHECK(*std::min_element(bytes.begin(), bytes.end()) == 0);
}

TEST_CASE("randperm: a permutation, all of them equally often") {
  Generator g(37);
  auto p = randperm(1000, g).to_vector<int64_t>();
  CHECK_FALSE(std::is_sorted(p.begin(), p.end()));
  std::sort(p.begin(), p.end());
  for (int64_t i = 0; i < 1000; ++i) REQUIRE(p[size_t(i)] == i);
  CHECK(randperm(0, g).numel() == 0);
  CHECK(randperm(1, g).item<int64_t>() == 0);
  std::vector<double> count(64);
  for (int i = 0; i < 24000; ++i) {
    const auto q = randperm(4, g).to_vector<int64_t>();
    ++count[size_t(q[0] * 16 + q[1] * 4 + q[2])];
  }
  double chi2 = 0;
  int seen = 0;
  for (const double c : count) {
    if (c > 0) ++seen, chi2 += (c - 1000) * (c - 1000) / 1000;
  }
  CHECK(seen == 24);
  CHECK(chi2 < 49.7);  // 23 degrees of freedom, p = 0.001
}

TEST_CASE("bernoulli: the rate, and both ends") {
  Generator g(41);
  for (const double p : {0.0, 0.1, 0.5, 0.9, 1.0}) {
    const auto x = bernoulli({100000}, p, g);
    CHECK(x.dtype() == DType::boolean);
    const Moments m = moments_of(x.to_vector<double>());
    CHECK(std::abs(m.mean - p) <= 4 * std::sqrt(p * (1 - p) / 100000));
  }
}

TEST_CASE("random: 0-d and empty tensors") {
  Generator g(1);
  CHECK(rand({}, {}, g).dim() == 0);
  CHECK(g.state().offset == 4);
  CHECK(randn({0, 3}, {}, g).shape() == Dims{0, 3});
  CHECK(randint(0, 2, {0}, DType::int64, g).numel() == 0);
  CHECK(bernoulli({2, 0}, 0.5, g).numel() == 0);
  CHECK(g.state().offset == 4);
}

TEST_CASE("random: wrong use") {
  CHECK_THROWS_WITH_AS(rand({2}, {.dtype = DType::int64}),
                       "rand: expected a floating dtype, got int64", ArgumentError);
  CHECK_THROWS_WITH_AS(uniform({2}, 1, 0), "uniform: expected finite low <= high, got 1 and 0",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(uniform({2}, 0, INFINITY),
                       "uniform: expected finite low <= high, got 0 and inf", ArgumentError);
  CHECK_THROWS_WITH_AS(normal({2}, 0, -1),
                       "normal: expected a finite mean and std >= 0, got 0 and -1", ArgumentError);
  CHECK_THROWS_WITH_AS(normal({2}, NAN, 1),
                       "normal: expected a finite mean and std >= 0, got nan and 1", ArgumentError);
  CHECK_THROWS_WITH_AS(randint(3, 3, {2}), "randint: expected low < high, got 3 and 3",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(randint(0, 257, {2}, DType::uint8),
                       "randint: expected a range inside uint8, got 0 to 257", ArgumentError);
  CHECK_THROWS_WITH_AS(randint(0, 2, {2}, DType::float32),
                       "randint: expected int64, int32 or uint8, got float32", ArgumentError);
  CHECK_THROWS_WITH_AS(randperm(-1), "randperm: expected n >= 0, got -1", ArgumentError);
  CHECK_THROWS_WITH_AS(bernoulli({2}, 1.5), "bernoulli: expected 0 <= p <= 1, got 1.5",
                       ArgumentError);
}
