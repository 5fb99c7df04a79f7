// A kernel from naive to fast: x R for a butterfly R, four ways, with operations and bytes counted.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "boft/ops.h"
#include "tensor/creation.h"
#include "tensor/random.h"

using namespace papilio;

constexpr int64_t d = 256, b = 4, m = 4, N = d / b, h = b / 2, rows = 64;

// What a version does: multiplications, and numbers read from and written to arrays that are larger
// than a segment.
struct Cost {
  int64_t multiplications = 0, moved = 0;
};
Cost cost;

// With kCounts the work is counted, without it is only done: then its instructions are.
template <bool kCounts>
float load(const float* at) {
  if constexpr (kCounts) ++cost.moved;
  return *at;
}
template <bool kCounts>
void store(float* at, float value) {
  if constexpr (kCounts) ++cost.moved;
  *at = value;
}
template <bool kCounts>
float times(float a, float c) {
  if constexpr (kCounts) ++cost.multiplications;
  return a * c;
}

// The place of coordinate k of block n in factor i.
int64_t place(int64_t n, int64_t i, int64_t k) {
  const int64_t lo = ((n >> i) << (i + 1)) | (n & ((int64_t(1) << i) - 1));
  return (k < h ? lo : lo + (int64_t(1) << i)) * h + k % h;
}

using Version = void (*)(float* y, const float* x, const float* q, const float* R);

// v1: R as a dense matrix, whatever zeros it has.
template <bool kCounts>
[[gnu::noinline]] void dense(float* y, const float* x, const float*, const float* R) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < d; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < d; ++k)
        sum += times<kCounts>(load<kCounts>(x + r * d + k), load<kCounts>(R + k * d + j));
      store<kCounts>(y + r * d + j, sum);
    }
}

// One block of one factor on the row at y.
template <bool kCounts, class Get, class Put>
void turn(const float* q, int64_t i, int64_t n, Get&& get, Put&& put) {
  float in[b], out[b];
  for (int64_t k = 0; k < b; ++k) in[k] = get(place(n, i, k));
  const float* const Q = q + (i * N + n) * b * b;
  for (int64_t c = 0; c < b; ++c) {
    out[c] = 0;
    for (int64_t k = 0; k < b; ++k) out[c] += times<kCounts>(in[k], Q[k * b + c]);
  }
  for (int64_t k = 0; k < b; ++k) put(place(n, i, k), out[k]);
}

// v2: index arithmetic instead of zeros; each factor walks over all of y once more.
template <bool kCounts>
[[gnu::noinline]] void factor_by_factor(float* y, const float* x, const float* q, const float*) {
  for (int64_t at = 0; at < rows * d; ++at) store<kCounts>(y + at, load<kCounts>(x + at));
  for (int64_t i = m - 1; i >= 0; --i)  // x R meets the last factor first
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t n = 0; n < N; ++n)
        turn<kCounts>(
            q, i, n, [&](int64_t k) { return load<kCounts>(y + r * d + k); },
            [&](int64_t k, float v) { store<kCounts>(y + r * d + k, v); });
}

// v3: coordinates mix inside segments of b 2^(m-1) only, so a segment is read once, goes through
// all factors near the processor, and is written once.
template <bool kCounts>
[[gnu::noinline]] void segment_by_segment(float* y, const float* x, const float* q, const float*) {
  constexpr int64_t segment = b << (m - 1), blocks = segment / b;
  float near[segment];
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t s = 0; s < d / segment; ++s) {
      const int64_t begin = s * segment;
      for (int64_t k = 0; k < segment; ++k) near[k] = load<kCounts>(x + r * d + begin + k);
      for (int64_t i = m - 1; i >= 0; --i)
        for (int64_t n = s * blocks; n < (s + 1) * blocks; ++n)
          turn<kCounts>(
              q, i, n, [&](int64_t k) { return near[k - begin]; },
              [&](int64_t k, float v) { near[k - begin] = v; });
      for (int64_t k = 0; k < segment; ++k) store<kCounts>(y + r * d + begin + k, near[k]);
    }
}

// v4: with many rows it pays to multiply the factors of a segment first and to use their product,
// a dense matrix as large as the segment: the same traffic, other multiplications.
template <bool kCounts>
[[gnu::noinline]] void collapsed(float* y, const float* x, const float* q, const float*) {
  constexpr int64_t segment = b << (m - 1), blocks = segment / b;
  std::vector<float> product(segment * segment);
  for (int64_t s = 0; s < d / segment; ++s) {
    const int64_t begin = s * segment;
    for (int64_t e = 0; e < segment; ++e) {  // row e of the product: the e-th axis, turned
      float* const axis = product.data() + e * segment;
      for (int64_t k = 0; k < segment; ++k) axis[k] = k == e ? 1.F : 0.F;
      for (int64_t i = m - 1; i >= 0; --i)
        for (int64_t n = s * blocks; n < (s + 1) * blocks; ++n)
          turn<kCounts>(
              q, i, n, [&](int64_t k) { return axis[k - begin]; },
              [&](int64_t k, float v) { axis[k - begin] = v; });
    }
    for (int64_t r = 0; r < rows; ++r) {
      float in[segment];
      for (int64_t k = 0; k < segment; ++k) in[k] = load<kCounts>(x + r * d + begin + k);
      for (int64_t j = 0; j < segment; ++j) {
        float sum = 0;
        for (int64_t k = 0; k < segment; ++k)
          sum += times<kCounts>(in[k], product[size_t(k * segment + j)]);
        store<kCounts>(y + r * d + begin + j, sum);
      }
    }
  }
}

int main() try {
  manual_seed(17);
  const Tensor q = contiguous(cayley(randn({m, N, b, b}))), x = randn({rows, d}),
               R = contiguous(butterfly_matrix(q)), want = butterfly_rotation(x, q);
  std::cout << "x R, d = 256, b = 4, m = 4, " << rows << " rows\n"
            << "                             multiplications   numbers moved   largest error\n"
            << std::setprecision(1);
  struct Named {
    const char* name;
    Version counts, runs;
  };
  std::vector<Cost> costs;
  for (const auto& [name, counts, runs] :
       {Named{"v1 a dense matrix", dense<true>, dense<false>},
        {"v2 factor by factor", factor_by_factor<true>, factor_by_factor<false>},
        {"v3 segment by segment", segment_by_segment<true>, segment_by_segment<false>},
        {"v4 factors multiplied first", collapsed<true>, collapsed<false>}}) {
    const Tensor y = zeros({rows, d}), again = zeros({rows, d});
    cost = {};
    counts(y.data<float>(), x.data<float>(), q.data<float>(), R.data<float>());
    costs.push_back(cost);
    runs(again.data<float>(), x.data<float>(), q.data<float>(), R.data<float>());
    check<Error>(max(abs(y - again)).item() < 1e-5, name, " computes otherwise where it counts");
    const double error = max(abs(y - want)).item();
    std::cout << "  " << std::left << std::setw(30) << name << std::right << std::setw(12)
              << cost.multiplications << std::setw(16) << cost.moved << std::setw(16) << error
              << '\n';
    check<Error>(error < 1e-4, name, " computes something else");
  }
  check<Error>(costs[0].multiplications == rows * d * d, "d^2 a row");
  check<Error>(costs[1].multiplications == rows * m * d * b, "m d b a row");
  check<Error>(costs[1].moved == 2 * rows * d * (m + 1), "every factor reads and writes a row");
  check<Error>(costs[2].moved == 2 * rows * d, "once in, once out");
  const int64_t segment = b << (m - 1), products = segment * m * d * b;
  check<Error>(costs[3].multiplications == rows * d * segment + products,
               "a segment's row, and the products once");
  // The exercise: on each row v4 multiplies 2^(m-1) / m times as much as v3; then what the products
  // are of all that v4 multiplies.
  int64_t factors = 1, many = 1;
  while (b << (factors - 1) <= factors * b) ++factors;
  while (10 * products >= many * d * segment + products) ++many;
  std::cout << "v4 multiplies more than v3 from m = " << factors
            << " on; the products are less than a tenth from " << many << " rows on\n";
  check<Error>(factors == 3 && many == 9 * m * b + 1, "2^(m-1) > m, and rows > 9 m b");
} catch (const std::exception& e) {
  std::cerr << "18_kernel: " << e.what() << '\n';
  return 1;
}
