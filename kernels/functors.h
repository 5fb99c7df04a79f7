// The elementwise functions, one functor each, shared by host and device.
//
// forward(x) and derivative(v), where v is the output if kFromOutput and the input otherwise; with
// two inputs forward(a, b), derivative_a(a, b) and derivative_b(a, b). C is the type to compute in.
// kDomain says for which dtypes.
#pragma once

#include <cmath>
#include <type_traits>

#include "kernels/convert.h"
#include "kernels/math.h"

namespace papilio {

// numeric: floating, int64 and int32; any: uint8 and bool too.
enum class Domain { floating, numeric, any };

namespace functor {

// The unsigned twin in which integer arithmetic wraps, the type itself for floating ones.
template <class C, bool = std::is_integral_v<C>>
struct Wrapping {
  using type = C;
};
template <class C>
struct Wrapping<C, true> {
  using type = std::make_unsigned_t<C>;
};
template <class C>
using wrapping_t = typename Wrapping<C>::type;

// A function of a functor.
#define PAPILIO_FUNCTION \
  template <class C>     \
  PAPILIO_INLINE

// derivative takes the input, or the output.
struct FromInput {
  static constexpr Domain kDomain = Domain::floating;
  static constexpr bool kFromOutput = false;
};
struct FromOutput {
  static constexpr Domain kDomain = Domain::floating;
  static constexpr bool kFromOutput = true;
};

// --- arithmetic ---

// a + b, a - b, a b, a / b, -x; integers wrap.
struct Add {
  static constexpr Domain kDomain = Domain::numeric;
  PAPILIO_FUNCTION C forward(C a, C b) const { return C(wrapping_t<C>(a) + wrapping_t<C>(b)); }
};
struct Sub {
  static constexpr Domain kDomain = Domain::numeric;
  PAPILIO_FUNCTION C forward(C a, C b) const { return C(wrapping_t<C>(a) - wrapping_t<C>(b)); }
};
struct Mul {
  static constexpr Domain kDomain = Domain::numeric;
  PAPILIO_FUNCTION C forward(C a, C b) const { return C(wrapping_t<C>(a) * wrapping_t<C>(b)); }
};
struct Div {
  static constexpr Domain kDomain = Domain::floating;
  PAPILIO_FUNCTION C forward(C a, C b) const { return a / b; }
  PAPILIO_FUNCTION C derivative_b(C a, C b) const { return -(a / b) / b; }
};
struct Neg {
  static constexpr Domain kDomain = Domain::numeric;
  PAPILIO_FUNCTION C forward(C x) const {
    if constexpr (std::is_integral_v<C>)
      return C(wrapping_t<C>(0) - wrapping_t<C>(x));
    else
      return -x;
  }
};

// F with a number as its second argument, or as its first.
template <class F>
struct Right {
  static constexpr Domain kDomain = F::kDomain;
  static constexpr bool kFromOutput = false;
  double number;
  PAPILIO_FUNCTION auto forward(C x) const { return F{}.forward(x, convert<C>(number)); }
};
template <class F>
struct Left {
  static constexpr Domain kDomain = F::kDomain;
  static constexpr bool kFromOutput = false;
  double number;
  PAPILIO_FUNCTION auto forward(C x) const { return F{}.forward(convert<C>(number), x); }
  PAPILIO_FUNCTION C derivative(C x) const { return F{}.derivative_b(convert<C>(number), x); }
};

// --- functions ---

// exp x, log x, sin x, cos x, sqrt x, tanh x, |x|, x^2, x^3, 1 / x.
struct Exp : FromOutput {
  PAPILIO_FUNCTION C forward(C x) const { return math::exp(x); }
  PAPILIO_FUNCTION C derivative(C y) const { return y; }
};
struct Log : FromInput {
  PAPILIO_FUNCTION C forward(C x) const { return math::log(x); }
  PAPILIO_FUNCTION C derivative(C x) const { return C(1) / x; }
};
struct Sin : FromInput {
  PAPILIO_FUNCTION C forward(C x) const { return std::sin(x); }
  PAPILIO_FUNCTION C derivative(C x) const { return std::cos(x); }
};
struct Cos : FromInput {
  PAPILIO_FUNCTION C forward(C x) const { return std::cos(x); }
  PAPILIO_FUNCTION C derivative(C x) const { return -std::sin(x); }
};
struct Sqrt : FromOutput {
  PAPILIO_FUNCTION C forward(C x) const { return std::sqrt(x); }
  PAPILIO_FUNCTION C derivative(C y) const { return C(0.5) / y; }
};
struct Tanh : FromOutput {
  PAPILIO_FUNCTION C forward(C x) const { return math::tanh(x); }
  PAPILIO_FUNCTION C derivative(C y) const { return C(1) - y * y; }
};
struct Abs : FromInput {
  static constexpr Domain kDomain = Domain::numeric;
  PAPILIO_FUNCTION C forward(C x) const {
    if constexpr (std::is_integral_v<C>)
      return x < 0 ? Neg{}.forward(x) : x;
    else
      return std::fabs(x);
  }
  PAPILIO_FUNCTION C derivative(C x) const { return x > C(0) ? C(1) : x < C(0) ? C(-1) : C(0); }
};
struct Square : FromInput {
  PAPILIO_FUNCTION C forward(C x) const { return x * x; }
  PAPILIO_FUNCTION C derivative(C x) const { return C(2) * x; }
};
struct Cube : FromInput {
  PAPILIO_FUNCTION C forward(C x) const { return x * x * x; }
  PAPILIO_FUNCTION C derivative(C x) const { return C(3) * x * x; }
};
struct Reciprocal : FromOutput {
  PAPILIO_FUNCTION C forward(C x) const { return C(1) / x; }
  PAPILIO_FUNCTION C derivative(C y) const { return -y * y; }
};
// a^b. The derivatives are 0 if b is 0 (by a) and if a is 0 and b is not negative (by b).
struct Pow {
  static constexpr Domain kDomain = Domain::floating;
  PAPILIO_FUNCTION C forward(C a, C b) const { return std::pow(a, b); }
  PAPILIO_FUNCTION C derivative_a(C a, C b) const {
    return b == C(0) ? C(0) : b * std::pow(a, b - C(1));
  }
  PAPILIO_FUNCTION C derivative_b(C a, C b) const {
    return a == C(0) && b >= C(0) ? C(0) : std::pow(a, b) * std::log(a);
  }
};
// x^exponent.
struct PowNumber : FromInput {
  double exponent;
  explicit PowNumber(double e) : exponent(e) {}
  PAPILIO_FUNCTION C forward(C x) const { return Pow{}.forward(x, C(exponent)); }
  PAPILIO_FUNCTION C derivative(C x) const { return Pow{}.derivative_a(x, C(exponent)); }
};

// --- extrema ---

// max(a, b), min(a, b); NaN wins, equal elements share the gradient.
struct Maximum {
  static constexpr Domain kDomain = Domain::numeric;
  PAPILIO_FUNCTION C forward(C a, C b) const { return a > b || a != a ? a : b; }
  PAPILIO_FUNCTION C derivative_a(C a, C b) const { return a == b ? C(0.5) : a < b ? C(0) : C(1); }
  PAPILIO_FUNCTION C derivative_b(C a, C b) const { return derivative_a(b, a); }
};
struct Minimum {
  static constexpr Domain kDomain = Domain::numeric;
  PAPILIO_FUNCTION C forward(C a, C b) const { return a < b || a != a ? a : b; }
  PAPILIO_FUNCTION C derivative_a(C a, C b) const { return a == b ? C(0.5) : a > b ? C(0) : C(1); }
  PAPILIO_FUNCTION C derivative_b(C a, C b) const { return derivative_a(b, a); }
};
// min(max(x, low), high)
struct Clamp : FromInput {
  static constexpr Domain kDomain = Domain::numeric;
  double low, high;
  Clamp(double l, double h) : low(l), high(h) {}
  PAPILIO_FUNCTION C forward(C x) const {
    const C l = convert<C>(low), h = convert<C>(high);
    const C y = x < l ? l : x;
    return y > h ? h : y;
  }
  PAPILIO_FUNCTION C derivative(C x) const { return x >= C(low) && x <= C(high) ? C(1) : C(0); }
};

// --- activations ---

// max(x, 0), and 1 / (1 + exp(-x)).
struct Relu : FromOutput {
  static constexpr Domain kDomain = Domain::numeric;
  PAPILIO_FUNCTION C forward(C x) const { return x < C(0) ? C(0) : x; }
  PAPILIO_FUNCTION C derivative(C y) const { return y <= C(0) ? C(0) : C(1); }
};
struct Sigmoid : FromOutput {
  PAPILIO_FUNCTION C forward(C x) const { return math::sigmoid(x); }
  PAPILIO_FUNCTION C derivative(C y) const { return y * (C(1) - y); }
};
// x sigmoid(x)
struct Silu : FromInput {
  PAPILIO_FUNCTION C forward(C x) const { return x * math::sigmoid(x); }
  PAPILIO_FUNCTION C derivative(C x) const {
    const C s = math::sigmoid(x);
    return s * (C(1) + x * (C(1) - s));
  }
};
// x Phi(x), Phi the normal distribution function.
struct Gelu : FromInput {
  PAPILIO_FUNCTION C forward(C x) const { return x * math::normal(x).cdf; }
  PAPILIO_FUNCTION C derivative(C x) const {
    const math::Normal<C> n = math::normal(x);
    return n.cdf + x * n.density;
  }
};
// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
struct GeluTanh : FromInput {
  static constexpr double kScale = 0.79788456080286535588, kCubic = 0.044715;
  PAPILIO_FUNCTION C forward(C x) const { return C(0.5) * x * (C(1) + inner(x)); }
  PAPILIO_FUNCTION C derivative(C x) const {
    const C t = inner(x), slope = C(kScale) * (C(1) + C(3 * kCubic) * x * x);
    return C(0.5) * (C(1) + t) + C(0.5) * x * (C(1) - t * t) * slope;
  }
  PAPILIO_FUNCTION C inner(C x) const {
    return math::tanh(C(kScale) * (x + C(kCubic) * x * x * x));
  }
};

// --- comparisons: forward returns bool. a > b is b < a. ---

// The comparison a op b.
#define PAPILIO_COMPARISON(Name, op)                                 \
  struct Name {                                                      \
    static constexpr Domain kDomain = Domain::any;                   \
    PAPILIO_FUNCTION bool forward(C a, C b) const { return a op b; } \
  };
PAPILIO_COMPARISON(Eq, ==)
PAPILIO_COMPARISON(Ne, !=)
PAPILIO_COMPARISON(Lt, <)
PAPILIO_COMPARISON(Le, <=)
#undef PAPILIO_COMPARISON
#undef PAPILIO_FUNCTION

}  // namespace functor
}  // namespace papilio
