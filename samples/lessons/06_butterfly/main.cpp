// Butterfly factors: which coordinates meet, and how m sparse factors become one dense rotation.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/ops.h"
#include "boft/ops/butterfly_shape.h"
#include "tensor/device_named.h"
#include "tensor/random.h"

using namespace papilio;

constexpr int64_t d = 16, b = 4, m = 3, N = d / b, h = b / 2;

// Block n of factor i turns half-blocks lo and hi = lo + 2^i: n's bits with a 0 put in at bit i.
int64_t lo(int64_t n, int64_t i) {
  return ((n >> i) << (i + 1)) | (n & ((1 << i) - 1));
}

// '#' where the matrix is not zero; matrices (d, d) side by side.
void draw(const std::string& title, const std::vector<Tensor>& matrices) {
  std::cout << '\n' << title << '\n';
  for (int64_t row = 0; row < d; ++row, std::cout << '\n')
    for (const Tensor& x : matrices) {
      for (const double v : select(x, 0, row).to_vector<double>()) std::cout << (v ? '#' : '.');
      std::cout << "   ";
    }
}

int main(int argc, char** argv) try {
  const Device device = device_named("DEVICE", argc > 1 ? argv[1] : "cpu");
  manual_seed(6);
  const Tensor q = cayley(randn({m, N, b, b}, {.dtype = DType::float64, .device = device}));
  const auto Q = q.to_vector<double>();
  std::vector<Tensor> factors, products;  // B_i (d, d), B_i ... B_1 B_0
  for (int64_t i = 0; i < m; ++i) {
    std::cout << "factor " << i << " pairs half-blocks";
    Tensor B = zeros({d, d}, {.dtype = DType::float64});
    for (int64_t n = 0; n < N; ++n) {
      const int64_t at[2] = {lo(n, i), lo(n, i) + (1 << i)};
      std::cout << "  " << at[0] << '-' << at[1];
      for (int64_t r = 0; r < b; ++r)  // Q's b coordinates: the h of lo, then the h of hi
        for (int64_t c = 0; c < b; ++c)
          B.data<double>()[(at[r / h] * h + r % h) * d + at[c / h] * h + c % h] =
              Q[size_t(((i * N + n) * b + r) * b + c)];
    }
    std::cout << '\n';
    factors.push_back(to(B, device));
    products.push_back(i ? matmul(factors.back(), products.back()) : factors.back());
  }
  draw("B_0                B_1                B_2", factors);
  draw("B_0                B_1 B_0            R = B_2 B_1 B_0", products);

  const Tensor R = butterfly_matrix(q),
               x = randn({5, d}, {.dtype = DType::float64, .device = device});
  check<Error>(max(abs(R - products[m - 1])).item() < 1e-13, "R is not the factors' product");
  check<Error>(max(abs(butterfly_rotation(x, q) - matmul(x, R))).item() < 1e-13, "not x R");
  check<Error>(boft::orthogonality_error(R) < 1e-13, "R is not orthogonal");
  for (int64_t i = 0; i < m; ++i) {  // each factor doubles what a coordinate can reach
    const double reached = sum(cast(ne(products[i], 0), DType::int64)).item() / d;
    check<Error>(reached == double(b << i), "after factor ", i, " a row has ", reached, " entries");
  }
  check<Error>(min(abs(R)).item() > 0, "R is not dense");

  std::cout
      << "\nangles to learn for a dense R: d (d - 1) / 2 at once, m N b (b - 1) / 2 by factors\n"
      << "     d       at once   b = 4, m = 1 + log2(d / 4)   b = 2, m = log2(d)\n";
  for (int64_t size = 16; size <= 4096; size *= 4) {
    std::cout << std::setw(6) << size << std::setw(14) << size * (size - 1) / 2;
    for (int64_t block : {4, 2}) {
      const int64_t factors_needed = 1 + std::lround(std::log2(double(size) / double(block)));
      const ButterflyShape shape = butterfly_shape("lesson", size, block, 0, factors_needed);
      check<Error>(shape.segment() == size, "not dense");  // b 2^(m-1) coordinates mix
      std::cout << std::setw(block == 4 ? 29 : 21)
                << shape.m * shape.blocks * block * (block - 1) / 2;
    }
    std::cout << '\n';
  }
} catch (const std::exception& e) {
  std::cerr << "06_butterfly: " << e.what() << '\n';
  return 1;
}
