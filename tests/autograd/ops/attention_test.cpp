#include "autograd/ops/attention.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "kernels/products.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

struct Result {
  std::vector<double> y, dq, dk, dv;  // row-major (B, H, T or S, D or E)
};

// Plain loops; dy and mask may be undefined.
Result plain(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& dy,
             const Tensor& mask, double scale) {
  const int64_t heads = q.size(0) * q.size(1), T = q.size(2), S = k.size(2), D = q.size(3),
                E = v.size(3);
  const auto qd = q.to_vector<double>(), kd = k.to_vector<double>(), vd = v.to_vector<double>();
  const auto g = dy.defined() ? dy.to_vector<double>() : std::vector<double>(size_t(heads * T * E));
  Result r{std::vector<double>(size_t(heads * T * E)), std::vector<double>(qd.size()),
           std::vector<double>(kd.size()), std::vector<double>(vd.size())};
  std::vector<double> visible(size_t(heads * T * S), 1);
  if (mask.defined())
    visible =
        contiguous_data(mask.alias(mask.layout().expand("mask", {q.size(0), q.size(1), T, S})))
            .to_vector<double>();
  std::vector<double> p(static_cast<size_t>(S));
  for (int64_t h = 0; h < heads; ++h)
    for (int64_t t = 0; t < T; ++t) {
      const double* qt = qd.data() + (h * T + t) * D;
      const double* gt = g.data() + (h * T + t) * E;
      double sum = 0, delta = 0;
      for (int64_t s = 0; s < S; ++s) {
        double dot = 0;
        for (int64_t d = 0; d < D; ++d) dot += qt[d] * kd[size_t((h * S + s) * D + d)];
        p[size_t(s)] = visible[size_t((h * T + t) * S + s)] != 0 ? std::exp(scale * dot) : 0;
        sum += p[size_t(s)];
      }
      for (double& x : p) x /= sum;
      for (int64_t e = 0; e < E; ++e) {
        double& y = r.y[size_t((h * T + t) * E + e)];
        for (int64_t s = 0; s < S; ++s) y += p[size_t(s)] * vd[size_t((h * S + s) * E + e)];
        delta += y * gt[e];
      }
      for (int64_t s = 0; s < S; ++s) {
        double dp = 0;
        for (int64_t e = 0; e < E; ++e) {
          dp += gt[e] * vd[size_t((h * S + s) * E + e)];
          r.dv[size_t((h * S + s) * E + e)] += p[size_t(s)] * gt[e];
        }
        const double ds = p[size_t(s)] * (dp - delta) * scale;
        for (int64_t d = 0; d < D; ++d) {
          r.dq[size_t((h * T + t) * D + d)] += ds * kd[size_t((h * S + s) * D + d)];
          r.dk[size_t((h * S + s) * D + d)] += ds * qt[d];
        }
      }
    }
  return r;
}

double worst(const Tensor& got, const std::vector<double>& want) {
  const auto x = got.to_vector<double>();
  REQUIRE(x.size() == want.size());
  double d = 0;
  for (size_t i = 0; i < x.size(); ++i)
    d = std::max(d, std::isnan(x[i]) ? INFINITY : std::abs(x[i] - want[i]));
  return d;
}

// (B, H, T, D) as a view of (B, T, H, D) memory, the way projections come.
Tensor projection(const Dims& shape, DType dtype, uint64_t seed) {
  const Tensor x =
      copy_of(uniform64({shape[0], shape[2], shape[1], shape[3]}, -1.5, 1.5, seed), dtype);
  return x.alias(x.layout().transpose("projection", 1, 2));
}

void compare(int64_t T, int64_t S, int64_t D, int64_t E, DType dtype, double tolerance,
             const Tensor& mask, const AttentionOptions& options) {
  INFO("T ", T, ", S ", S, ", D ", D, ", E ", E, ", ", dtype);
  const Tensor q = leaf(projection({2, 3, T, D}, dtype, 1)),
               k = leaf(projection({2, 3, S, D}, dtype, 2));
  const Tensor v = leaf(projection({2, 3, S, E}, dtype, 3)),
               dy = projection({2, 3, T, E}, dtype, 4);
  const Tensor y = scaled_dot_product_attention(q, k, v, options);
  backward(y, dy);
  const Result want = plain(q, k, v, dy, mask, 1 / std::sqrt(double(D)));
  CHECK(worst(y, want.y) < tolerance);
  CHECK(worst(grad(q), want.dq) < tolerance);
  CHECK(worst(grad(k), want.dk) < tolerance);
  CHECK(worst(grad(v), want.dv) < tolerance);
}

// Query t sees keys 0 ... t + S - T.
Tensor causal(int64_t T, int64_t S) {
  const Tensor mask = empty({T, S}, {.dtype = DType::boolean});
  for (int64_t t = 0; t < T; ++t)
    for (int64_t s = 0; s < S; ++s) mask.data<bool>()[t * S + s] = s <= t + S - T;
  return mask;
}

void compare(int64_t T, int64_t S, int64_t D, int64_t E, DType dtype, double tolerance,
             const Tensor& mask = {}) {
  compare(T, S, D, E, dtype, tolerance, mask, {.mask = mask});
}

// Without a mask, against the reference with one.
void compare_causal(int64_t T, int64_t S, int64_t D, int64_t E, DType dtype, double tolerance) {
  compare(T, S, D, E, dtype, tolerance, causal(T, S), {.causal = true});
}

Tensor attend(const Tensors& in) {
  return scaled_dot_product_attention(in[0], in[1], in[2],
                                      {.scale = 0.7, .mask = in.size() > 3 ? in[3] : Tensor()});
}
std::vector<double> attend_reference(const Tensors& in) {
  return plain(in[0], in[1], in[2], {}, in.size() > 3 ? in[3] : Tensor(), 0.7).y;
}
Tensor attend_causal(const Tensors& in) {
  return scaled_dot_product_attention(
      in[0], in[1], in[2],
      {.scale = 0.7, .mask = in.size() > 3 ? in[3] : Tensor(), .causal = true});
}
std::vector<double> attend_causal_reference(const Tensors& in) {
  Tensor mask = causal(in[0].size(2), in[1].size(2));
  if (in.size() > 3) {
    const std::vector<double> other = in[3].to_vector<double>();  // (1, S)
    for (int64_t i = 0; i < mask.numel(); ++i)
      if (other[size_t(i % mask.size(1))] == 0) mask.data<bool>()[i] = false;
  }
  return plain(in[0], in[1], in[2], {}, mask, 0.7).y;
}
Tensors operands(int64_t B, int64_t H, int64_t T, int64_t S, int64_t D, int64_t E) {
  return {uniform64({B, H, T, D}, -1, 1, 1), uniform64({B, H, S, D}, -1, 1, 2),
          uniform64({B, H, S, E}, -1, 1, 3)};
}

}  // namespace

TEST_CASE("scaled_dot_product_attention") {
  // bfloat16 in float32; by pairs of it p is rounded, which is compared below.
  const ProductsScope scope(Products::openblas);
  Tensors masked = operands(1, 2, 4, 4, 3, 3);
  masked.push_back(causal(4, 4));
  Tensors causal_and_mask = operands(1, 2, 4, 4, 3, 3);
  causal_and_mask.push_back(copy_of(tensor<int64_t>({1, 0, 1, 1}, {1, 4}), DType::boolean));
  const Tensor x = ones({1, 2, 3, 4});
  using F = std::function<void()>;
  const auto attention = [](Tensor q, Tensor k, Tensor v, Tensor mask = {}) -> F {
    return [=] { scaled_dot_product_attention(q, k, v, {.mask = mask}); };
  };
  const std::string name = "scaled_dot_product_attention: ";
  run({.name = "scaled_dot_product_attention",
       .samples = {{"small", operands(2, 2, 3, 3, 4, 4), attend, attend_reference},
                   {"cross attention, other features", operands(1, 2, 3, 5, 4, 2), attend,
                    attend_reference},
                   {"whole vectors", operands(1, 1, 17, 17, 16, 16), attend, attend_reference},
                   {"one of everything", operands(1, 1, 1, 1, 1, 1), attend, attend_reference},
                   {"causal mask", masked, attend, attend_reference},
                   {"causal", operands(2, 2, 5, 5, 4, 4), attend_causal, attend_causal_reference},
                   {"causal, more keys than queries", operands(1, 2, 3, 70, 4, 2), attend_causal,
                    attend_causal_reference},
                   {"causal, the newest query", operands(2, 1, 1, 9, 4, 4), attend_causal,
                    attend_causal_reference},
                   {"causal and a mask", causal_and_mask, attend_causal, attend_causal_reference},
                   {"no batch", operands(0, 2, 3, 3, 4, 4), attend, attend_reference},
                   {"no queries", operands(1, 2, 0, 3, 4, 4), attend, attend_reference}},
       .errors = {{"rank", attention(ones({2, 3, 4}), x, x),
                   name + "expected q of shape (B, H, T, D), got (2, 3, 4)"},
                  {"heads", attention(x, ones({1, 1, 3, 4}), x),
                   name + "expected k with q's batch and heads (1, 2, ...), got (1, 1, 3, 4)"},
                  {"features", attention(x, ones({1, 2, 3, 5}), x),
                   name + "expected k with q's 4 features, got (1, 2, 3, 5)"},
                  {"keys", attention(x, x, ones({1, 2, 4, 4})),
                   name + "expected v with k's 3 keys, got (1, 2, 4, 4)"},
                  {"two dtypes", attention(x, ones({1, 2, 3, 4}, {.dtype = DType::float64}), x),
                   name + "expected tensors of one dtype, got float32 and float64"},
                  {"mask's dtype", attention(x, x, x, ones({3, 3})),
                   name + "expected mask of bool, got float32"},
                  {"mask's shape",
                   attention(x, x, x, ones({2, 2, 3, 3}, {.dtype = DType::boolean})),
                   name + "expected a mask that broadcasts to (1, 2, 3, 3), got (2, 2, 3, 3)"},
                  {"causal with too few keys",
                   [=] {
                     const Tensor one = ones({1, 2, 1, 4});
                     scaled_dot_product_attention(x, one, one, {.causal = true});
                   },
                   name + "expected no more queries than keys if causal, got 3 and 1"}},
       // Products of rounded inputs are summed in another order than the reference's.
       .tolerance_factor = 2});
}

TEST_CASE("scaled_dot_product_attention_composed") {
  const auto composed = [](const Tensors& in) {
    const Tensor mask = in.size() > 3 ? in[3] : Tensor();
    return scaled_dot_product_attention_composed(in[0], in[1], in[2], {.scale = 0.7, .mask = mask});
  };
  Tensors masked = operands(1, 2, 4, 4, 3, 3);
  masked.push_back(causal(4, 4));
  run({.name = "scaled_dot_product_attention_composed",
       .samples = {{"small", operands(2, 2, 3, 3, 4, 4), composed, attend_reference},
                   {"cross attention", operands(1, 2, 3, 5, 4, 2), composed, attend_reference},
                   {"causal mask", masked, composed, attend_reference},
                   {"causal", operands(1, 2, 3, 5, 4, 2),
                    [](const Tensors& in) {
                      return scaled_dot_product_attention_composed(in[0], in[1], in[2],
                                                                   {.scale = 0.7, .causal = true});
                    },
                    attend_causal_reference}},
       .errors = {},
       .dtypes = {DType::float32,
                  DType::float64}});  // 16-bit scores are rounded before the softmax
}

TEST_CASE("attention_probabilities: rows sum to 1, and weigh v into the attention's output") {
  const Tensors in = operands(2, 2, 5, 7, 4, 3);
  const Tensor p = attention_probabilities(in[0], in[1], {.scale = 0.7});
  CHECK(p.shape() == Dims{2, 2, 5, 7});
  for (double s : sum(p, {-1}).to_vector<double>()) CHECK(s == doctest::Approx(1));
  CHECK(worst(matmul(p, in[2]), attend_reference(in)) < 1e-12);
  const Tensor flat = attention_probabilities(ones({3, 4}), ones({5, 4}));
  CHECK(flat.shape() == Dims{3, 5});
  CHECK_THROWS_WITH_AS(attention_probabilities(ones({3, 4}), ones({3, 5})),
                       "attention_probabilities: expected q of shape (..., T, D) and k of shape "
                       "(..., S, D), got (3, 4) and (3, 5)",
                       ArgumentError);
}

TEST_CASE("attention: values and gradients over sizes, from strided projections") {
  for (int64_t T : {1, 5, 17, 64, 65, 130, 197})
    for (int64_t D : {1, 8, 16, 64}) {
      compare(T, T, D, D, DType::float64, 1e-12);
      compare(T, T, D, D, DType::float32, 5e-6);
    }
  compare(50, 300, 24, 40, DType::float64, 1e-12);
  compare(300, 50, 40, 24, DType::float32, 5e-6);
}

TEST_CASE("attention: half precision sums in float32") {
  compare(65, 65, 20, 20, DType::bfloat16, 0.06);
  compare(65, 65, 20, 20, DType::float16, 0.008);
}

// Odd sizes too: bfloat16 is multiplied in pairs where the processor has the instruction.
TEST_CASE("attention: bfloat16 by float32 and by pairs") {
  for (const Products products : {Products::openblas, default_products()}) {
    const ProductsScope scope(products);
    CAPTURE(name(products));
    for (int64_t T : {1, 5, 17, 48, 65, 197})
      for (int64_t D : {1, 7, 16, 64}) {
        compare(T, T, D, D, DType::bfloat16, 0.06);
        compare_causal(T, T + 2, D, D + 2, DType::bfloat16, 0.06);
      }
    compare(50, 301, 24, 40, DType::bfloat16, 0.06);
    compare(301, 50, 40, 24, DType::bfloat16, 0.06);
    compare(197, 197, 15, 16, DType::bfloat16, 0.06, causal(197, 197));
  }
}

TEST_CASE("attention: fused and composed agree in value and every gradient") {
  for (int64_t T : {1, 5, 17, 64, 65, 130, 197})
    for (int64_t D : {1, 8, 16, 64}) {
      INFO("T ", T, ", D ", D);
      const auto results = [&](auto attention, const Tensor& mask) {
        Tensors x;
        for (uint64_t seed : {1, 2, 3})
          x.push_back(leaf(projection({2, 2, T, D}, DType::float64, seed)));
        const Tensor y = attention(x[0], x[1], x[2], AttentionOptions{.mask = mask});
        backward(y, projection({2, 2, T, D}, DType::float64, 4));
        return Tensors{y, grad(x[0]), grad(x[1]), grad(x[2])};
      };
      for (const Tensor& mask : {Tensor(), causal(T, T)}) {
        const Tensors fused = results(scaled_dot_product_attention, mask);
        const Tensors composed = results(scaled_dot_product_attention_composed, mask);
        for (size_t i = 0; i < 4; ++i)
          CHECK(worst(fused[i], composed[i].to_vector<double>()) < 1e-12);
      }
    }
}

TEST_CASE("attention: masks over several tiles of keys") {
  compare(197, 197, 16, 16, DType::float64, 1e-12, causal(197, 197));
  compare(197, 197, 16, 16, DType::float32, 5e-6, causal(197, 197));
  Tensor later = empty({2, 1, 1, 300}, {.dtype = DType::boolean});  // hides the whole first tile
  for (int64_t i = 0; i < 600; ++i) later.data<bool>()[i] = i % 300 >= (i < 300 ? 250 : 3);
  compare(20, 300, 8, 8, DType::float64, 1e-12, later);
}

TEST_CASE("attention: causal over several tiles, as many keys as queries and more") {
  for (int64_t T : {1, 5, 47, 48, 49, 130, 197}) {
    compare_causal(T, T, 16, 16, DType::float64, 1e-12);
    compare_causal(T, T, 16, 16, DType::float32, 5e-6);
    compare_causal(T, T + 1, 9, 12, DType::float64, 1e-12);
    compare_causal(T, T + 131, 16, 8, DType::float32, 5e-6);
  }
  compare_causal(65, 70, 20, 20, DType::bfloat16, 0.06);
}

TEST_CASE("attention: what comes later changes no bit of a causal query's output or gradient") {
  const auto results = [](int64_t T, DType dtype) {
    const Tensor all = projection({1, 2, 200, 16}, dtype, 1);
    const Tensor q = leaf(contiguous_data(slice(all, 2, 0, T))),
                 dy = projection({1, 2, 200, 16}, dtype, 2);
    const Tensor y = scaled_dot_product_attention(q, q.detach(), q.detach(), {.causal = true});
    backward(y, slice(dy, 2, 0, T));
    return Tensors{slice(y.detach(), 2, 0, 40), slice(grad(q), 2, 0, 40)};
  };
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    const Tensors shorter = results(60, dtype), longer = results(200, dtype);
    for (size_t i = 0; i < 2; ++i)
      CHECK(shorter[i].to_vector<double>() == longer[i].to_vector<double>());
  }
}

TEST_CASE("attention: a query that sees nothing gets NaN, the others their values") {
  Tensors in = operands(1, 1, 3, 3, 4, 4);
  const Tensor mask = tensor<int64_t>({1, 1, 1, 0, 0, 0, 1, 0, 1}, {3, 3});
  in.push_back(copy_of(mask, DType::boolean));
  const auto y = attend(in).to_vector<double>(), want = attend_reference(in);
  for (size_t i = 0; i < 12; ++i) {
    CHECK(std::isnan(y[i]) == (i / 4 == 1));
    if (i / 4 != 1) CHECK(y[i] == doctest::Approx(want[i]));
  }
}

TEST_CASE("attention: without any keys the output is 0, fused and composed") {
  const Tensors in = operands(1, 2, 3, 0, 4, 5);
  for (const auto attention :
       {scaled_dot_product_attention, scaled_dot_product_attention_composed}) {
    const Tensor q = leaf(in[0]);
    const Tensor y = attention(q, in[1], in[2], {});
    CHECK(y.shape() == Dims{1, 2, 3, 5});
    backward(sum(y));
    for (double value : y.to_vector<double>()) CHECK(value == 0);
    for (double value : grad(q).to_vector<double>()) CHECK(value == 0);
  }
}

TEST_CASE("attention: scores of 10^4 choose the largest without overflow") {
  const Tensor q = leaf(full({1, 1, 1, 1}, 100)),
               k = leaf(tensor<float>({100, -100, 90}, {1, 1, 3, 1}));
  const Tensor v = leaf(tensor<float>({2, 3, 4}, {1, 1, 3, 1}));
  const Tensor y = scaled_dot_product_attention(q, k, v, {.scale = 1});
  CHECK(y.item() == 2);
  backward(y);
  CHECK(grad(v).to_vector() == std::vector<float>{1, 0, 0});
  for (const Tensor& x : {q, k})
    for (float g : grad(x).to_vector()) CHECK(g == 0);
}

TEST_CASE("attention: two equal scores of 10^4 share exactly, also in the backward pass") {
  // Saving log(sum exp) in float32 would round 10^4 + log 2 and make the probabilities sum
  // to 1.0005.
  const Tensor q = full({1, 1, 1, 1}, 100), k = full({1, 1, 2, 1}, 100);
  const Tensor v = leaf(tensor<float>({1, 3}, {1, 1, 2, 1}));
  backward(scaled_dot_product_attention(q, k, v, {.scale = 1}));
  CHECK(grad(v).to_vector() == std::vector<float>{0.5f, 0.5f});
}

TEST_CASE(
    "attention: output and gradients lie as (B, T, H, D), so that merging heads copies nothing") {
  const Tensor q = leaf(projection({2, 3, 5, 4}, DType::float32, 1));
  const Tensor y = scaled_dot_product_attention(q, q.detach(), q.detach());
  CHECK(y.strides() == Dims{60, 4, 12, 1});
  CHECK(y.layout().transpose("test", 1, 2).is_contiguous());
}

TEST_CASE("attention: only the gradients that are wanted") {
  const Tensor q = projection({1, 2, 70, 8}, DType::float64, 1),
               k = projection({1, 2, 70, 8}, DType::float64, 2);
  const Tensor v = projection({1, 2, 70, 8}, DType::float64, 3),
               dy = projection({1, 2, 70, 8}, DType::float64, 4);
  const Result want = plain(q, k, v, dy, {}, 1 / std::sqrt(8.0));
  for (size_t i = 0; i < 3; ++i) {
    Tensors in{q, k, v};
    in[i] = leaf(in[i]);
    backward(scaled_dot_product_attention(in[0], in[1], in[2]), dy);
    const auto& gradient = i == 0 ? want.dq : i == 1 ? want.dk : want.dv;
    CHECK(worst(grad(in[i]), gradient) < 1e-12);
    for (size_t j = 0; j < 3; ++j) CHECK((j == i || !in[j].requires_grad()));
  }
}

}  // namespace papilio::test
