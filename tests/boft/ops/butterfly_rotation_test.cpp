#include "boft/ops/butterfly_rotation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/ops/cayley.h"
#include "kernels/gemm.h"
#include "tensor/copy.h"
#include "tensor/random.h"
#include "tests/autograd/op_case.h"
#include "tests/boft/dense.h"
#include "tests/compare.h"

namespace papilio::test {

namespace {

Tensor rotate(const Tensors& in) {
  return butterfly_rotation(in[0], in[1]);
}
Tensor rotate_back(const Tensors& in) {
  return butterfly_rotation_transposed(in[0], in[1]);
}

std::vector<double> dense(const Tensors& in) {
  return (matrix_of(in[0]) * dense_rotation(in[1])).values;
}
std::vector<double> dense_back(const Tensors& in) {
  return (matrix_of(in[0]) * transposed(dense_rotation(in[1]))).values;
}

// x: (..., N b), q: any matrices, not only rotations.
Sample sample(Dims x, int64_t m, int64_t blocks, int64_t b, bool back = false) {
  x[x.size() - 1] = blocks * b;
  const double size = 1.5 / std::sqrt(double(b));
  return {str(x, " m ", m, " N ", blocks, " b ", b),
          {uniform64(x, -1, 1, 1), uniform64({m, blocks, b, b}, -size, size, 2)},
          back ? rotate_back : rotate,
          back ? dense_back : dense};
}

// Narrow and wide blocks, one and many factors, rows fewer and more than a tile, none at all.
std::vector<Sample> samples() {
  return {sample({7, 0}, 1, 2, 5),
          sample({3, 0}, 2, 4, 2),
          sample({5, 0}, 2, 2, 6),
          sample({2, 3, 0}, 3, 4, 4),
          sample({0}, 1, 3, 3),
          sample({1, 0}, 1, 1, 1),
          sample({0, 0}, 2, 2, 4),
          sample({20, 0}, 2, 8, 4),
          sample({3, 0}, 4, 8, 2),
          sample({2, 0}, 2, 2, 16),
          sample({2, 0}, 1, 1, 17),
          sample({40, 0}, 2, 2, 4),
          sample({200, 0}, 2, 2, 4),
          sample({6, 0}, 2, 4, 2, true),
          sample({2, 2, 0}, 3, 4, 4, true),
          sample({20, 0}, 1, 2, 5, true)};
}

// A random shape that the rules allow, with at most 96 coordinates.
Dims random_factors(Generator& g) {
  const auto draw = [&](int64_t low, int64_t high) {
    return randint(low, high, {1}, DType::int64, g).item<int64_t>();
  };
  for (;;) {
    const int64_t m = draw(1, 6), b = m == 1 ? draw(1, 20) : 2 * draw(1, 10);
    const int64_t step = m == 1 ? 1 : int64_t(1) << (m - 1), blocks = step * draw(1, 5);
    if (blocks * b <= 96) return {m, blocks, b, b};
  }
}

}  // namespace

TEST_CASE("butterfly_rotation") {
  run({.name = "butterfly_rotation",
       .samples = samples(),
       .errors = {
           {"width",
            [] {
              butterfly_rotation(ones({2, 8}), ones({1, 3, 4, 4}));
            },
            "butterfly_rotation: expected x of shape (..., 12) for q of shape (1, 3, 4, 4), got "
            "(2, 8)"},
           {"0-d",
            [] {
              butterfly_rotation(scalar(1), ones({1, 3, 4, 4}));
            },
            "butterfly_rotation: expected x of shape (..., 12) for q of shape (1, 3, 4, 4), got "
            "()"},
           {"q's dimensions",
            [] {
              butterfly_rotation(ones({2, 8}), ones({2, 4, 4}));
            },
            "butterfly_rotation: expected q of shape (m, N, b, b), got (2, 4, 4)"},
           {"blocks not square",
            [] {
              butterfly_rotation(ones({2, 8}), ones({1, 2, 4, 3}));
            },
            "butterfly_rotation: expected q of shape (m, N, b, b), got (1, 2, 4, 3)"},
           {"no factor",
            [] {
              butterfly_rotation(ones({2, 8}), ones({0, 2, 4, 4}));
            },
            "butterfly_rotation: expected q of shape (m, N, b, b), got (0, 2, 4, 4)"},
           {"odd blocks",
            [] {
              butterfly_rotation(ones({2, 12}), ones({2, 4, 3, 3}));
            },
            "butterfly_rotation: boft_n_butterfly_factor 2 needs an even block size, got 3; "
            "nearest valid boft_block_size: 2 and 6, or boft_n_butterfly_factor up to 1"},
           {"too many factors",
            [] {
              butterfly_rotation_transposed(ones({2, 24}), ones({3, 6, 4, 4}));
            },
            "butterfly_rotation_transposed: boft_n_butterfly_factor 3 needs a number of blocks "
            "divisible by 2^2, got 6 blocks of 4; nearest valid boft_block_size: 2 and 6, or "
            "boft_n_butterfly_factor up to 2"},
           {"dtypes",
            [] {
              butterfly_rotation(ones({2, 8}), ones({1, 2, 4, 4}, {.dtype = DType::float64}));
            },
            "butterfly_rotation: expected tensors of one dtype, got float32 and float64"},
           {"integers",
            [] {
              butterfly_rotation(ones({2, 8}, {.dtype = DType::int64}), ones({1, 2, 4, 4}));
            },
            "butterfly_rotation: expected a floating x, got int64"},
           {"undefined q",
            [] {
              butterfly_rotation(ones({2, 8}), Tensor());
            },
            "butterfly_rotation: q is undefined"},
           {"matrix of no factors",
            [] {
              butterfly_matrix(ones({4, 4}));
            },
            "butterfly_matrix: expected q of shape (m, N, b, b), got (4, 4)"}}});
}

TEST_CASE("butterfly_rotation is the product of dense factors, for random shapes") {
  Generator g(7);
  for (int round = 0; round < 60; ++round) {
    const Dims factors = random_factors(g);
    CAPTURE(str(factors));
    const Tensor q = cayley(normal(factors, 0, 0.5, {.dtype = DType::float64}, g));
    const Matrix r = matrix_of(butterfly_matrix(q)), want = dense_rotation(q);
    CHECK(largest(r - want) < 1e-13);
    CHECK(orthogonality_error(r) < 1e-12);
    CHECK(std::abs(determinant(r) - 1) < 1e-10);
    const Matrix single = matrix_of(butterfly_matrix(copy_of(q, DType::float32)));
    CHECK(largest(single - want) < 3e-6);
    const Matrix half = matrix_of(butterfly_matrix(copy_of(q, DType::bfloat16)));
    CHECK(largest(half - want) < 0.05);
  }
}

TEST_CASE("butterfly_rotation with identities in all factors but the first is OFT's") {
  Generator g(12);
  const Tensor first = cayley(normal({1, 8, 4, 4}, 0, 0.5, {.dtype = DType::float64}, g));
  const Tensor rest = cayley(zeros({3, 8, 4, 4}, {.dtype = DType::float64}));
  const Matrix oft = matrix_of(butterfly_matrix(first));
  CHECK(largest(matrix_of(butterfly_matrix(concat({first, rest}, 0))) - oft) == 0);
  for (int64_t i = 0; i < 32; ++i)
    for (int64_t j = 0; j < 32; ++j)
      CHECK(oft(i, j) == (i / 4 == j / 4 ? block(first, 0, i / 4)(i % 4, j % 4) : 0));
}

TEST_CASE("butterfly_rotation on a device: segments wider than a block's memory") {
  if (cuda_device_count() == 0) return;
  Generator g(11);
  const Dims factors{12, 2048, 4, 4};  // w = d = 8192
  const Tensor q = cayley(normal(factors, 0, 0.5, {}, g)), x = normal({2, 8192}, 0, 1, {}, g);
  std::vector<std::vector<double>> results;
  for (const Device device : {Device::cpu(), Device::cuda()}) {
    const Tensor qd = leaf(copy_of(q, device)), xd = leaf(copy_of(x, device));
    const Tensor y = butterfly_rotation(xd, qd);
    backward(y, y.detach());
    for (const Tensor& t :
         {y, butterfly_rotation_transposed(y.detach(), qd.detach()), grad(xd), grad(qd)})
      results.push_back(t.to_vector<double>());
  }
  for (size_t i = 0; i < 4; ++i) CHECK(largest_difference(results[i], results[i + 4]) < 1e-4);
  CHECK(largest_difference(results[5], x.to_vector<double>()) < 1e-4);  // R^T takes R back
}

TEST_CASE("butterfly_rotation on a device: x that begins anywhere in memory") {
  if (cuda_device_count() == 0) return;
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::float64})
    for (const Dims& factors : {Dims{2, 6, 4, 4}, Dims{1, 3, 8, 8}, Dims{2, 4, 8, 8}})
      for (int64_t at = 0; at < 5; ++at) {
        CAPTURE(str(dtype, " ", factors, " ", at));
        const int64_t rows = 5, d = factors[1] * factors[2];
        const Tensor q = copy_of(uniform64(factors, -0.5, 0.5), dtype);
        const Tensor memory = copy_of(uniform64({rows * d + 5}), dtype);
        const auto rotated = [&](Device device) {
          const Tensor x = slice(copy_of(memory, device), 0, at, at + rows * d);
          return butterfly_rotation(reshape(x, {rows, d}), copy_of(q, device)).to_vector<double>();
        };
        CHECK(largest_difference(rotated(Device::cpu()), rotated(Device::cuda())) <
              (dtype == DType::bfloat16 ? 0.02 : 1e-5));
      }
}

TEST_CASE("butterfly_rotation on a device: gradients over many rows, with and without x's") {
  if (cuda_device_count() == 0) return;
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::float16})
    for (const Dims& factors :
         {Dims{2, 72, 4, 4}, Dims{1, 33, 4, 4}, Dims{1, 9, 8, 8}, Dims{2, 6, 8, 8}})
      for (const int64_t rows : {17, 200}) {
        CAPTURE(str(dtype, " ", factors, " ", rows));
        const int64_t d = factors[1] * factors[2];
        const Tensor q = copy_of(uniform64(factors, -0.5, 0.5), dtype);
        const Tensor x = copy_of(uniform64({rows, d}), dtype);
        const Tensor dy = copy_of(uniform64({rows, d}, -1, 1, 2), dtype);
        const auto gradients = [&](Device device, bool through_x) {
          const Tensor qd = leaf(copy_of(q, device));
          Tensor xd = copy_of(x, device);
          if (through_x) set_requires_grad(xd);
          backward(butterfly_rotation(xd, qd), copy_of(dy, device));
          auto values = grad(qd).to_vector<double>();
          for (double& v : values) v /= double(rows);
          if (through_x)
            for (const double v : grad(xd).to_vector<double>()) values.push_back(v);
          return values;
        };
        for (const bool through_x : {true, false})
          CHECK(largest_difference(gradients(Device::cpu(), through_x),
                                   gradients(Device::cuda(), through_x)) <
                (dtype == DType::float32   ? 1e-6
                 : dtype == DType::float16 ? 2e-3
                                           : 2e-2));
      }
}

TEST_CASE("butterfly_rotation on a device: segments on tensor cores") {
  if (cuda_device_count() == 0) return;
  struct Allowed {
    explicit Allowed(bool tf32) { cuda::allow_tf32(tf32); }
    ~Allowed() { cuda::allow_tf32(false); }
  };
  struct Kind {
    DType dtype;
    bool tf32;
    double tolerance;
  };
  for (const Kind& kind : {Kind{DType::bfloat16, false, 0.05}, Kind{DType::float16, false, 0.01},
                           Kind{DType::float32, true, 0.01}, Kind{DType::float32, false, 1e-5}})
    for (const Dims& factors : {Dims{1, 3, 16, 16}, Dims{3, 20, 4, 4}, Dims{1, 3, 32, 32},
                                Dims{2, 2, 32, 32}, Dims{3, 4, 16, 16}})
      for (const int64_t rows : {17, 140}) {
        CAPTURE(str(kind.dtype, " ", kind.tf32, " ", factors, " ", rows));
        const int64_t d = factors[1] * factors[2];
        const Tensor q = copy_of(cayley(uniform64(factors, -1, 1)), kind.dtype);
        const Tensor x = copy_of(uniform64({rows, d}), kind.dtype);
        const Tensor dy = copy_of(uniform64({rows, d}, -1, 1, 2), kind.dtype);
        const auto step = [&](Device device, DType dtype, auto rotate) {
          const Tensor qd = leaf(copy_of(copy_of(q, dtype), device));
          const Tensor xd = leaf(copy_of(copy_of(x, dtype), device));
          const Tensor y = rotate(xd, qd);
          backward(y, copy_of(copy_of(dy, dtype), device));
          auto values = grad(qd).template to_vector<double>();
          for (double& v : values) v /= std::sqrt(double(rows));
          for (const Tensor& t : {y, grad(xd)})
            for (const double v : t.to_vector<double>()) values.push_back(v);
          return values;
        };
        const Allowed allowed(kind.tf32);
        for (const auto rotate : {butterfly_rotation, butterfly_rotation_transposed})
          CHECK(largest_difference(step(Device::cpu(), DType::float64, rotate),
                                   step(Device::cuda(), kind.dtype, rotate)) < kind.tolerance);
      }
}

TEST_CASE("butterfly_rotation by identities changes no bit") {
  Generator g(8);
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16})
    for (int round = 0; round < 12; ++round) {
      const Dims factors = random_factors(g);
      CAPTURE(str(factors));
      const Tensor x = normal({19, factors[1] * factors[2]}, 0, 1, {.dtype = dtype}, g);
      const Tensor q = cayley(zeros(factors, {.dtype = dtype}));
      for (const Tensor& y : {butterfly_rotation(x, q), butterfly_rotation_transposed(x, q)})
        CHECK(std::memcmp(x.raw_data(), y.raw_data(), size_t(x.numel()) * size_of(dtype)) == 0);
    }
}

TEST_CASE("butterfly_rotation's gradients over many rows, by segments and by walking") {
  // dq of y = x R: with B = above_i Q_i below_i, dL/dB_i = (x above)^T (dy below^T); here through
  // dense factors.
  const auto check = [](int64_t rows, const Dims& factors) {
    CAPTURE(str(factors));
    const int64_t d = factors[1] * factors[2];
    Tensor x = uniform64({rows, d}, -1, 1, 3), q = uniform64(factors, -0.6, 0.6, 4);
    const Tensor dy = uniform64({rows, d}, -1, 1, 5);
    // One-hot changes of q through the dense product are exact: R is linear in each entry.
    set_requires_grad(x), set_requires_grad(q);
    backward(butterfly_rotation(x, q), dy);
    const Matrix outer = transposed(matrix_of(x)) * matrix_of(dy);  // dL/dR
    const auto got = grad(q).to_vector<double>();
    double worst = 0;
    for (int64_t e = 0; e < q.numel(); e += 1 + q.numel() / 23) {
      Tensor one = copy_of(q), other = copy_of(q);
      one.data<double>()[e] += 0.5, other.data<double>()[e] -= 0.5;
      const Matrix slope = dense_rotation(one) - dense_rotation(other);
      double want = 0;
      for (size_t i = 0; i < slope.values.size(); ++i) want += slope.values[i] * outer.values[i];
      worst = std::max(worst, std::abs(want - got[size_t(e)]) / (1 + std::abs(want)));
    }
    CHECK(worst < 1e-11);
    CHECK(largest(matrix_of(grad(x)) - matrix_of(dy) * transposed(dense_rotation(q))) < 1e-12);
    // float32 against float64
    Tensor x32 = copy_of(x, DType::float32), q32 = copy_of(q, DType::float32);
    set_requires_grad(x32), set_requires_grad(q32);
    backward(butterfly_rotation(x32, q32), copy_of(dy, DType::float32));
    CHECK(largest(matrix_of(grad(q32)) - matrix_of(grad(q))) < 1e-5 * std::sqrt(double(rows)));
  };
  check(700, {2, 8, 4, 4});
  check(300, {1, 5, 7, 7});
  check(400, {2, 4, 6, 6});
  check(130, {3, 4, 8, 8});
  check(150, {1, 2, 32, 32});
  check(12, {3, 4, 8, 8});    // fewer rows than a segment has columns: walks
  check(260, {7, 64, 2, 2});  // segments of 128 columns: walks
}

TEST_CASE("butterfly_rotation computes only the gradients that are wanted") {
  for (const auto rotate : {butterfly_rotation, butterfly_rotation_transposed}) {
    const Tensor x0 = uniform64({30, 16}, -1, 1, 1), q0 = uniform64({2, 4, 4, 4}, -1, 1, 2);
    const Tensor dy = uniform64({30, 16}, -1, 1, 3);
    Tensor x = leaf(copy_of(x0)), q = leaf(copy_of(q0)), x1 = leaf(copy_of(x0)),
           q1 = leaf(copy_of(q0));
    backward(rotate(x, q), dy);
    backward(rotate(x1, q0), dy);
    backward(rotate(x0, q1), dy);
    CHECK(largest(matrix_of(grad(x)) - matrix_of(grad(x1))) < 1e-13);
    CHECK(largest(matrix_of(grad(q)) - matrix_of(grad(q1))) < 1e-12);
  }
}

}  // namespace papilio::test
