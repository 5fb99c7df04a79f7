#include "kernels/math.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace papilio {
namespace {

// How far `got` is from the float nearest `exact`, in units of that float's last place.
double ulps(float got, double exact) {
  const float nearest = float(exact);
  if (std::isnan(nearest) || std::isinf(nearest) || std::isinf(got) || std::isnan(got)) {
    const bool same = (std::isnan(got) && std::isnan(nearest)) || got == nearest;
    // Rounding may overflow one step early or late at the very end of the range.
    const double edge = double(std::numeric_limits<float>::max());
    return same ? 0 : std::fabs(std::fabs(exact) / edge - 1) < 1e-6 ? 1 : HUGE_VAL;
  }
  const float magnitude = std::max(std::fabs(nearest), std::numeric_limits<float>::min());
  const double unit = double(std::nextafter(magnitude, HUGE_VALF)) - double(magnitude);
  return std::fabs(double(got) - exact) / unit;
}

// The worst error over every 997th float of all that there are, NaN and subnormals included.
template <class F, class G>
double worst(F f, G exact) {
  double most = 0;
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 997) {
    const float x = std::bit_cast<float>(uint32_t(bits));
    most = std::max(most, ulps(f(x), exact(double(x))));
  }
  // Densely where the functions change.
  for (float x = -20; x < 20; x += 1.0f / 65536)
    most = std::max(most, ulps(f(x), exact(double(x))));
  return most;
}

TEST_CASE("math: float32 functions against double, over all magnitudes") {
  CHECK(worst([](float x) { return math::exp(x); }, [](double x) { return std::exp(x); }) <= 1.1);
  CHECK(worst([](float x) { return math::log(x); }, [](double x) { return std::log(x); }) <= 1.0);
  CHECK(worst([](float x) { return math::tanh(x); }, [](double x) { return std::tanh(x); }) <= 2.0);
  CHECK(worst([](float x) { return math::erf(x); }, [](double x) { return std::erf(x); }) <= 2.0);
  CHECK(worst([](float x) { return x < -88 ? 0 : math::sigmoid(x); },
              [](double x) { return x < -88 ? 0 : 1 / (1 + std::exp(-x)); }) <= 2.5);
}

TEST_CASE("math: the normal distribution, its small tail to 6 digits") {
  for (float x = -12; x < 12; x += 1.0f / 1024) {
    const double cdf = std::erfc(-double(x) / std::sqrt(2.0)) / 2;
    const double density = std::exp(-0.5 * double(x) * double(x)) * 0.3989422804014327;
    // exp(-x^2 / 2) magnifies the rounding of x^2 / 2.
    const double tolerance = 4e-7 * (1 + double(x) * double(x) / 2);
    const auto n = math::normal(x);
    if (std::fabs(double(n.cdf) - cdf) > tolerance * cdf)
      FAIL_CHECK("cdf at ", x, ": ", n.cdf, ", ", cdf);
    if (std::fabs(double(n.density) - density) > tolerance * density) FAIL_CHECK("density at ", x);
  }
  CHECK(math::normal(0.0f).cdf == doctest::Approx(0.5).epsilon(1e-7));
  CHECK(math::normal(-HUGE_VALF).cdf == 0);
  CHECK(math::normal(HUGE_VALF).cdf == 1);
  CHECK(std::isnan(math::normal(std::nanf("")).cdf));
  CHECK(math::normal(-3.0).cdf == doctest::Approx(0.0013498980316300946).epsilon(1e-14));
}

TEST_CASE("math: special values") {
  const float inf = HUGE_VALF, nan = std::numeric_limits<float>::quiet_NaN();
  const float tiny = std::numeric_limits<float>::denorm_min();
  CHECK(math::exp(inf) == inf);
  CHECK(math::exp(-inf) == 0);
  CHECK(math::exp(0.0f) == 1);
  CHECK(math::exp(88.8f) == inf);
  CHECK(math::exp(-103.2f) == tiny);
  CHECK(math::exp(-104.1f) == 0);
  CHECK(std::isnan(math::exp(nan)));
  CHECK(math::log(1.0f) == 0);
  CHECK(math::log(0.0f) == -inf);
  CHECK(math::log(-0.0f) == -inf);
  CHECK(std::isnan(math::log(-1.0f)));
  CHECK(std::isnan(math::log(-inf)));
  CHECK(std::isnan(math::log(nan)));
  CHECK(math::log(inf) == inf);
  CHECK(math::log(tiny) == float(std::log(double(tiny))));
  CHECK(math::tanh(inf) == 1);
  CHECK(math::tanh(-inf) == -1);
  CHECK(std::signbit(math::tanh(-0.0f)));
  CHECK(math::tanh(tiny) == tiny);
  CHECK(std::isnan(math::tanh(nan)));
  CHECK(math::erf(inf) == 1);
  CHECK(math::erf(-inf) == -1);
  CHECK(std::isnan(math::erf(nan)));
  CHECK(math::sigmoid(inf) == 1);
  CHECK(math::sigmoid(-inf) == 0);
  CHECK(math::sigmoid(-200.0f) == 0);
  CHECK(std::isnan(math::sigmoid(nan)));
}

TEST_CASE("math: double is the standard library's") {
  for (double x : {-700.0, -1.5, -0.0, 1e-300, 0.3, 2.0, 700.0}) {
    CHECK(math::exp(x) == std::exp(x));
    CHECK(math::tanh(x) == std::tanh(x));
    CHECK(math::erf(x) == std::erf(x));
    CHECK(math::log(std::fabs(x)) == std::log(std::fabs(x)));
    CHECK(math::sigmoid(x) == doctest::Approx(1 / (1 + std::exp(-x))).epsilon(1e-15));
  }
}

}  // namespace
}  // namespace papilio
