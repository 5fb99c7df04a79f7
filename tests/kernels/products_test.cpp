// Which library multiplies, and what that changes.
#include "kernels/products.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/ops/linear.h"
#include "autograd/ops/matmul.h"
#include "kernels/error.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::test {
namespace {

// A B^T + bias in that dtype.
std::vector<float> product(DType dtype, int64_t m, int64_t n, int64_t k) {
  Generator generator(5);
  const auto matrix = [&](Dims shape) { return copy_of(randn(shape, {}, generator), dtype); };
  const Tensor a = matrix({m, k}), b = matrix({n, k}), bias = matrix({n});
  return copy_of(linear(a, b, bias), DType::float32).to_vector<float>();
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(double(a[i]) - double(b[i]));
    largest = d <= largest ? largest : d;  // NaN stays
  }
  return largest;
}

}  // namespace

TEST_CASE("products: the choice has a name, and a word that is none is refused") {
  for (const Products each : {Products::openblas, Products::onednn, Products::onednn_float32})
    CHECK(products_named(name(each)) == each);
  CHECK(products_named("auto") == default_products());
  CHECK_THROWS_WITH_AS(products_named("mkl"),
                       "products: expected auto, openblas, onednn or onednn-float32, got 'mkl'",
                       Error);
  CHECK(openblas_version().starts_with("OpenBLAS 0."));
  CHECK(onednn_version().empty() == !why_no_onednn().empty());
}

TEST_CASE("products: oneDNN is chosen if it is here, or refused with what is missing") {
  const ProductsScope scope(Products::openblas);
  if (why_no_onednn().empty()) {
    set_products(Products::onednn);
    CHECK(products() == Products::onednn);
    CHECK(onednn_version().starts_with("oneDNN 2."));
  } else {
    const std::string why = "products: onednn cannot be had: " + why_no_onednn();
    CHECK_THROWS_WITH_AS(set_products(Products::onednn), why.c_str(), Error);
    CHECK(products() == Products::openblas);
    CHECK(default_products() == Products::openblas);
  }
}

TEST_CASE("products: both libraries agree, and each repeats its bits") {
  if (!why_no_onednn().empty()) return;
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    CAPTURE(dtype);
    std::vector<float> by_openblas, by_onednn;
    {
      const ProductsScope scope(Products::openblas);
      by_openblas = product(dtype, 197, 130, 384);
      CHECK(product(dtype, 197, 130, 384) == by_openblas);
    }
    const ProductsScope scope(Products::onednn_float32);
    by_onednn = product(dtype, 197, 130, 384);
    CHECK(product(dtype, 197, 130, 384) == by_onednn);
    // Sums of 384 terms are near 20; bfloat16 rounds at 2^-8 of them.
    CHECK(largest_difference(by_onednn, by_openblas) <= (dtype == DType::float32 ? 1e-4 : 0.6));
  }
}

TEST_CASE("products: bfloat16 summed in float32 does not stop at 256") {
  if (!why_no_onednn().empty()) return;
  const ProductsScope scope(Products::onednn);
  const TensorOptions half{.dtype = DType::bfloat16};
  const Tensor c = matmul(ones({64, 4096}, half), ones({4096, 64}, half));
  for (const float v : copy_of(c, DType::float32).to_vector<float>()) CHECK(v == 4096);
}

}  // namespace papilio::test
