#include "kernels/gemm.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <tuple>
#include <type_traits>
#include <vector>

#include "kernels/error.h"
#include "kernels/products.h"

namespace papilio::test {

namespace {

// A batch of matrices in memory of its own, each row or column followed by a gap of NaN.
template <class T>
struct Matrices {
  std::vector<T> memory;
  View view;

  Matrices(int64_t batch, int64_t rows, int64_t cols, bool transposed, int64_t gap, uint64_t seed) {
    const int64_t ld = (transposed ? rows : cols) + gap, size = ld * (transposed ? cols : rows) + 5;
    memory.assign(size_t(batch * size), T(std::numeric_limits<float>::quiet_NaN()));
    view = {memory.data(),
            dtype_of<T>(),
            3,
            {batch, rows, cols},
            {size, transposed ? 1 : ld, transposed ? ld : 1}};
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < cols; ++j) {
          seed = seed * 6364136223846793005u + 1442695040888963407u;
          at(b, i, j) = T(float(int64_t(seed >> 40) - (1 << 23)) * 0x1p-23f);
        }
  }
  T& at(int64_t b, int64_t i, int64_t j) {
    return memory[size_t(b * view.strides[0] + i * view.strides[1] + j * view.strides[2])];
  }
};

template <class T>
double tolerance() {
  return std::is_same_v<T, double> ? 1e-12 : std::is_same_v<T, float> ? 2e-5 : 1e-2;
}

template <class T>
void check_product(int64_t batch, int64_t m, int64_t n, int64_t k, int layout, double alpha,
                   double beta) {
  INFO("m ", m, ", n ", n, ", k ", k, ", layout ", layout);
  Matrices<T> a(batch, m, k, layout & 1, 3, 1), b(batch, k, n, layout & 2, 2, 2);
  Matrices<T> c(batch, m, n, layout & 4, 1, 3), before = c;
  if (beta == 0) std::fill(c.memory.begin(), c.memory.end(), T(std::nanf("")));
  cpu::gemm(c.view, a.view, b.view, alpha, beta);
  double worst = 0;
  for (int64_t z = 0; z < batch; ++z)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0, scale = 1;
        for (int64_t q = 0; q < k; ++q) {
          sum += double(a.at(z, i, q)) * double(b.at(z, q, j));
          scale += std::abs(double(a.at(z, i, q)) * double(b.at(z, q, j)));
        }
        const double want = alpha * sum + (beta == 0 ? 0 : beta * double(before.at(z, i, j)));
        const double difference = std::abs(double(c.at(z, i, j)) - want) / scale;
        worst = difference <= worst ? worst : difference;  // NaN stays
      }
  CHECK(worst <= tolerance<T>());
}

}  // namespace

TEST_CASE_TEMPLATE("gemm: every orientation, size and path", T, float, double, BFloat16, Float16) {
  const ProductsScope scope(products());
  SUBCASE("the default library") {}
  SUBCASE("OpenBLAS") {
    set_products(Products::openblas);
  }
  SUBCASE("oneDNN") {
    if (why_no_onednn().empty()) set_products(Products::onednn_float32);
  }
  for (int layout = 0; layout < 8; ++layout) {
    check_product<T>(1, 5, 7, 3, layout, 1, 0);
    check_product<T>(3, 4, 2, 6, layout, -0.5, 2);
    check_product<T>(1, 1, 9, 4, layout, 1, 1);
    check_product<T>(1, 9, 1, 1, layout, 1, 0);
    check_product<T>(2, 3, 2, 0, layout, 1, 0.5);  // nothing to sum: beta C
    check_product<T>(2, 3, 2, 0, layout, 1, 0);
    check_product<T>(2, 0, 2, 3, layout, 1, 0);
    check_product<T>(0, 2, 2, 3, layout, 1, 0);
    check_product<T>(1, 700, 40, 50, layout, 1, 0);    // cut by rows
    check_product<T>(1, 40, 700, 50, layout, 2, 1);    // by columns
    check_product<T>(1, 40, 30, 1500, layout, 2, -1);  // by the sum
    check_product<T>(40, 33, 31, 35, layout, 1, 0);    // many small ones
    check_product<T>(2, 150, 150, 150, layout, 1, 0);
    check_product<T>(2, 150, 150, 150, layout, 1, 1);  // added to C
    for (const int64_t thin : {3, 4, 7, 8}) {
      for (const double beta : {0, 1}) {
        check_product<T>(1, thin, 310, 290, layout, 1, beta);
        check_product<T>(1, 310, thin, 290, layout, 1, beta);
        check_product<T>(1, 310, 290, thin, layout, 1, beta);
      }
    }
  }
  check_product<T>(1, 530, 520, 540, 0, 1, 0);  // large
}

TEST_CASE("gemm: a stride of 0 repeats a matrix") {
  Matrices<float> a(1, 3, 4, false, 0, 1), b(5, 4, 2, false, 0, 2), c(5, 3, 2, false, 0, 3);
  View repeated = a.view;
  repeated.shape[0] = 5;
  repeated.strides[0] = 0;
  cpu::gemm(c.view, repeated, b.view, 1, 0);
  for (int64_t z = 0; z < 5; ++z)
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 2; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < 4; ++k) sum += double(a.at(0, i, k)) * double(b.at(z, k, j));
        CHECK(c.at(z, i, j) == doctest::Approx(sum));
      }
}

TEST_CASE("gemm_bias has the bits of gemm and an addition, in every path") {
  for (const auto& [m, n, k] :
       {std::tuple{7, 5, 3}, {900, 64, 64}, {40, 700, 64}, {64, 32, 2000}}) {
    Matrices<float> a(1, m, k, false, 0, 1), b(1, k, n, true, 0, 2), bias(1, 1, n, false, 0, 3);
    Matrices<float> with(1, m, n, false, 0, 4), without = with;
    without.view.data = without.memory.data();
    const ConstView row{bias.memory.data(), DType::float32, 1, {n}, {1}};
    cpu::gemm_bias(with.view, a.view, b.view, row);
    cpu::gemm(without.view, a.view, b.view, 1, 0);
    int different = 0;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        different += with.at(0, i, j) != without.at(0, i, j) + bias.at(0, 0, j);
    CHECK(different == 0);
  }
}

TEST_CASE("gemm: NaN meets 0 and stays NaN") {
  Matrices<float> a(1, 2, 3, false, 0, 1), b(1, 3, 2, false, 0, 2), c(1, 2, 2, false, 0, 3);
  for (int64_t k = 0; k < 3; ++k) a.at(0, 0, k) = 0;
  b.at(0, 1, 0) = std::nanf("");
  cpu::gemm(c.view, a.view, b.view, 1, 0);
  CHECK(std::isnan(c.at(0, 0, 0)));
  CHECK(c.at(0, 0, 1) == 0);
  CHECK(std::isnan(c.at(0, 1, 0)));
}

TEST_CASE("gemm_takes: what BLAS can read as it lies") {
  CHECK(gemm_takes(3, 4, 4, 1));
  CHECK(gemm_takes(3, 4, 9, 1));
  CHECK(gemm_takes(3, 4, 1, 3));
  CHECK(gemm_takes(1, 4, 0, 1));
  CHECK(gemm_takes(4, 1, 7, 0));
  CHECK(gemm_takes(1, 1, 0, 0));
  CHECK_FALSE(gemm_takes(3, 4, 0, 1));
  CHECK_FALSE(gemm_takes(3, 4, 8, 2));
  CHECK_FALSE(gemm_takes(3, 4, 2, 1));  // rows overlap
  CHECK_FALSE(gemm_takes(3, 1, 0, 1));
}

}  // namespace papilio::test
