#include "autograd/ops/matmul.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

Tensor product(const Tensors& in) {
  return matmul(in[0], in[1]);
}

// Plain loops over the broadcast leading dimensions.
std::vector<double> reference(const Tensors& in) {
  Dims a = in[0].shape(), b = in[1].shape();
  if (a.size() == 1) a.insert(0, 1);
  if (b.size() == 1) b.push_back(1);
  const int64_t M = a[a.size() - 2], K = a.back(), N = b.back();
  const Dims batch =
      broadcast_shapes("reference", Dims(a.begin(), a.end() - 2), Dims(b.begin(), b.end() - 2));
  const auto x = in[0].to_vector<double>(), y = in[1].to_vector<double>();
  int64_t count = 1;
  for (int64_t n : batch) count *= n;
  std::vector<double> c;
  for (int64_t z = 0; z < count; ++z) {
    // The number of the matrix of `shape` that product z reads.
    const auto matrix = [&](const Dims& shape) {
      int64_t number = 0, scale = 1, rest = z;
      for (int i = 1; i <= batch.size(); ++i) {
        const int64_t at = rest % batch[batch.size() - i];
        rest /= batch[batch.size() - i];
        if (shape.size() - 2 < i) continue;
        const int64_t size = shape[shape.size() - 2 - i];
        number += (size == 1 ? 0 : at) * scale;
        scale *= size;
      }
      return number;
    };
    const int64_t p = matrix(a) * M * K, q = matrix(b) * K * N;
    for (int64_t i = 0; i < M; ++i)
      for (int64_t j = 0; j < N; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < K; ++k) sum += x[size_t(p + i * K + k)] * y[size_t(q + k * N + j)];
        c.push_back(sum);
      }
  }
  return c;
}

Sample sample(const char* label, const Dims& a, const Dims& b) {
  return {label, {uniform64(a, -1, 1, 1), uniform64(b, -1, 1, 2)}, product, reference};
}

}  // namespace

TEST_CASE("matmul") {
  run({.name = "matmul",
       .samples = {sample("matrices", {3, 4}, {4, 5}),
                   sample("vectors", {6}, {6}),
                   sample("matrix and vector", {3, 4}, {4}),
                   sample("vector and matrix", {4}, {4, 3}),
                   sample("batches", {2, 3, 4, 5}, {2, 3, 5, 2}),
                   sample("one right matrix", {2, 3, 4}, {4, 5}),
                   sample("one left matrix", {3, 4}, {2, 4, 5}),
                   sample("broadcast batches", {2, 1, 3, 4}, {3, 4, 2}),
                   sample("both broadcast", {2, 1, 3, 2}, {1, 3, 2, 2}),
                   sample("batch and vector", {2, 3, 4}, {4}),
                   sample("vector and batch", {4}, {2, 4, 3}),
                   sample("sizes of 1", {1, 1}, {1, 1}),
                   sample("one row, one column", {1, 5}, {5, 1}),
                   sample("one column, one row", {5, 1}, {1, 5}),
                   sample("nothing to sum", {3, 0}, {0, 2}),
                   sample("no rows", {0, 3}, {3, 2}),
                   sample("no columns", {2, 3}, {3, 0}),
                   sample("empty batch", {0, 2, 3}, {0, 3, 2}),
                   sample("empty batch, one right matrix", {0, 2, 3}, {3, 2}),
                   sample("empty vectors", {0}, {0})},
       .errors = {
           {"0-d", [] { matmul(scalar(1), ones({2})); },
            "matmul: expected at least one dimension, got shapes () and (2)"},
           {"inner sizes",
            [] {
              matmul(ones({2, 3}), ones({4, 5}));
            },
            "matmul: expected (..., M, K) and (..., K, N), got (2, 3) and (4, 5)"},
           {"vectors", [] { matmul(ones({2}), ones({3})); },
            "matmul: expected (..., M, K) and (..., K, N), got (2) and (3)"},
           {"batches",
            [] {
              matmul(ones({2, 3, 4}), ones({3, 4, 5}));
            },
            "matmul: shapes (2) and (3) do not broadcast"},
           {"integers", [] { matmul(arange(3), arange(3)); },
            "matmul: expected a floating first argument, got int64"},
           {"dtypes",
            [] {
              matmul(ones({2, 2}), ones({2, 2}, {.dtype = DType::float64}));
            },
            "matmul: expected tensors of one dtype, got float32 and float64"},
           {"undefined", [] { matmul({}, ones({2})); }, "matmul: first argument is undefined"}}});
}

TEST_CASE("matmul reads a transposed operand as it lies and gives the bits of its copy") {
  const Tensor x = copy_of(uniform64({40, 30}), DType::float32),
               w = copy_of(uniform64({50, 30}), DType::float32);
  const Tensor t = w.alias(w.layout().transpose("test", 0, 1));
  const uint64_t before = memory_stats().allocations;
  const Tensor y = matmul(x, t);
  CHECK(memory_stats().allocations == before + 1);
  const auto want = reference({x, contiguous_data(t)});
  for (size_t i = 0; i < want.size(); ++i)
    CHECK(y.to_vector<double>()[i] == doctest::Approx(want[i]));
}

TEST_CASE("matmul computes no gradient for an operand that wants none") {
  Tensor a = leaf(ones({2, 3})), b = ones({3, 4});
  backward(matmul(a, b), ones({2, 4}));
  CHECK(grad(a).to_vector<double>() == std::vector<double>(6, 4));
  CHECK_FALSE(b.requires_grad());
}

TEST_CASE("matmul refuses sizes that BLAS cannot count") {
  const Tensor one = ones({1, 1});
  const Tensor wide = one.alias({{1, int64_t(1) << 31}, {0, 0}, 0});
  CHECK_THROWS_WITH_AS(matmul(wide, wide.alias(wide.layout().transpose("test", 0, 1))),
                       "matmul: expected matrix sizes below 2^31, got (1, 2147483648)",
                       ArgumentError);
}

}  // namespace papilio::test
