#include "boft/ops/cayley.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/boft/dense.h"
#include "tests/compare.h"

namespace papilio::test {

namespace {

std::vector<double> reference(const Tensors& in) {
  const int64_t b = in[0].shape().back(), batch = in[0].numel() / (b * b);
  const auto values = in[0].to_vector<double>();
  std::vector<double> q;
  for (int64_t n = 0; n < batch; ++n) {
    Matrix r(b, b);
    r.values.assign(values.begin() + n * b * b, values.begin() + (n + 1) * b * b);
    const Matrix one = dense_cayley(r);
    q.insert(q.end(), one.values.begin(), one.values.end());
  }
  return q;
}

Sample sample(const char* label, const Dims& shape, double size = 1) {
  return {label,
          {uniform64(shape, -size, size)},
          [](const Tensors& in) { return cayley(in[0]); },
          reference};
}

}  // namespace

TEST_CASE("cayley") {
  std::vector<Sample> samples{sample("one matrix", {4, 4}), sample("empty", {0, 3, 3}),
                              sample("many dimensions", {2, 3, 4, 4}),
                              sample("large entries", {3, 4, 4}, 30),
                              sample("large and small", {2, 8, 8}, 3)};
  for (const int64_t b : {1, 2, 3, 5, 6, 7, 8, 9, 12, 16, 17})
    samples.push_back(sample("b", {3, b, b}, 0.8));
  for (const int64_t b : {2, 4, 8})
    samples.push_back(sample("more than the lanes", {35, b, b}, 0.8));
  run({.name = "cayley",
       .samples = samples,
       .errors = {{"1-d", [] { cayley(ones({4})); },
                   "cayley: expected r of shape (..., b, b), got (4)"},
                  {"not square",
                   [] {
                     cayley(ones({2, 3, 4}));
                   },
                   "cayley: expected r of shape (..., b, b), got (2, 3, 4)"},
                  {"integers",
                   [] {
                     cayley(ones({2, 2}, {.dtype = DType::int64}));
                   },
                   "cayley: expected a floating r, got int64"},
                  {"undefined", [] { cayley(Tensor()); }, "cayley: r is undefined"}},
       // Entries are sums of b products of inverses: a few roundings more than one.
       .tolerance_factor = 4});
}

TEST_CASE("cayley on a device: both kinds of elimination side by side, anywhere in memory") {
  if (cuda_device_count() == 0) return;
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::float64})
    for (const int64_t b : {2, 4, 8, 16, 32, 64, 128})
      for (const int64_t at : {0, 1, 2}) {
        // More than 48 KiB of shared memory, or none of it if even that is too little.
        if (b > 32 && (at > 0 || dtype == DType::bfloat16)) continue;
        CAPTURE(str(dtype, " ", b, " ", at));
        const int64_t n = 3 * b * b;
        Tensor memory = uniform64({n + 2});
        for (int64_t i = at + b * b; i < at + 2 * b * b; ++i) memory.data<double>()[i] *= 30;
        memory = copy_of(memory, dtype);
        const auto results = [&](Device device) {
          const Tensor all = leaf(copy_of(memory, device));
          const Tensor q = cayley(reshape(slice(all, 0, at, at + n), {3, b, b}));
          const Tensor dq = slice(copy_of(memory, device), 0, at, at + n);
          backward(q, reshape(dq, q.shape()));
          auto values = q.to_vector<double>();
          const auto gradient = grad(all).to_vector<double>();
          values.insert(values.end(), gradient.begin(), gradient.end());
          return values;
        };
        const double bound = dtype == DType::bfloat16  ? 0.5
                             : dtype == DType::float32 ? 2e-3
                                                       : 1e-10;
        CHECK(largest_difference(results(Device::cpu()), results(Device::cuda())) < bound);
      }
}

TEST_CASE("cayley of larger blocks") {
  for (const int64_t b : {24, 32, 33, 64}) {
    CAPTURE(b);
    const Tensor r = uniform64({2, b, b}, -0.5, 0.5, uint64_t(b));
    const auto got = cayley(r).to_vector<double>(), want = reference({r});
    const auto single = cayley(copy_of(r, DType::float32)).to_vector<double>();
    double worst = 0, worst_single = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      worst = std::max(worst, std::abs(got[i] - want[i]));
      worst_single = std::max(worst_single, std::abs(single[i] - want[i]));
    }
    CHECK(worst < 1e-12);
    CHECK(worst_single < 1e-5);
  }
}

TEST_CASE("cayley gives rotations, however large S is") {
  // Bounds at |S| up to 0.1, 1, 10 and 100, float32; rows are exchanged beyond 1.
  const double sizes[] = {0.1, 1, 10, 100}, bounds[] = {3e-6, 5e-6, 2e-5, 1e-4};
  for (const int64_t b : {2, 3, 4, 7, 8, 16, 32, 40})
    for (int i = 0; i < 4; ++i) {
      CAPTURE(b);
      CAPTURE(sizes[i]);
      const Tensor r = uniform64({20, b, b}, -sizes[i], sizes[i], uint64_t(b + 100 * i));
      for (const DType dtype : {DType::float32, DType::float64}) {
        const Tensor q = cayley(copy_of(r, dtype));
        for (int64_t n = 0; n < 20; ++n) {
          const Matrix one = block(q.alias(Layout::contiguous({1, 20, b, b})), 0, n);
          CHECK(orthogonality_error(one) <
                (dtype == DType::float32 ? bounds[i] : bounds[i] * 1e-8));
          CHECK(std::abs(determinant(one) - 1) < (dtype == DType::float32 ? 1e-3 : 1e-10));
        }
      }
    }
}

TEST_CASE("cayley of zero, and of any symmetric matrix, is the identity bit for bit") {
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16})
    for (const int64_t b : {1, 2, 3, 4, 5, 6, 7, 8, 10, 16, 32, 33, 64}) {
      CAPTURE(b);
      CAPTURE(dtype);
      const Tensor one = eye(b, {.dtype = dtype});
      for (const double value : {0., -0., 0.5, -3.}) {
        const Tensor q = cayley(full({3, b, b}, value, {.dtype = dtype}));
        const size_t bytes = size_t(b * b) * size_of(dtype);
        for (int64_t n = 0; n < 3; ++n)
          CHECK(std::memcmp(static_cast<const char*>(q.raw_data()) + size_t(n) * bytes,
                            one.raw_data(), bytes) == 0);
      }
    }
}

TEST_CASE("a matrix's rotation does not depend on its neighbours in the batch") {
  for (const int64_t b : {3, 4, 16, 32, 40}) {
    CAPTURE(b);
    const Tensor r = copy_of(uniform64({40, b, b}, -1.2, 1.2), DType::float32);
    const auto all = cayley(r).to_vector<float>();
    for (const int64_t n : {0, 17, 39}) {
      const auto one = cayley(r.alias(r.layout().select("test", 0, n))).to_vector<float>();
      CHECK(std::equal(one.begin(), one.end(), all.begin() + n * b * b));
    }
  }
}

}  // namespace papilio::test
