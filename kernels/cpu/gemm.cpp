#include "kernels/gemm.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "kernels/cpu/blas.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/parallel.h"

namespace papilio::cpu {

namespace {

// Multiply-adds that are worth a thread.
constexpr int64_t kThreadWork = 1 << 18;
// Those above which OpenBLAS divides a product, and one of a single row.
constexpr int64_t kBlasDivides = 4 << 16, kBlasDividesRow = 4 * 2304;

struct Sizes {
  int64_t m, n, k;
  int64_t work() const { return m * n * std::max<int64_t>(k, 1); }
};

// The last two dimensions of a view; gemm_takes holds.
template <class T, class V>
Matrix<T> matrix(const V& v, int64_t offset) {
  T* data = v.template as<std::remove_const_t<T>>() + offset;
  const int64_t rows = v.size(-2), cols = v.size(-1);
  const int64_t row_stride = v.strides[v.rank - 2], col_stride = v.strides[v.rank - 1];
  if ((cols <= 1 || col_stride == 1) && (rows <= 1 || row_stride >= std::max<int64_t>(cols, 1)))
    return {data, std::max<int64_t>(rows <= 1 ? cols : row_stride, 1), false};
  return {data, std::max<int64_t>(cols <= 1 ? rows : col_stride, 1), true};
}

template <class T>
struct Product {
  Sizes size;
  compute_t<T> alpha, beta;
  Matrix<const T> a, b;
  Matrix<T> c;    // row-major
  const T* bias;  // null, or size.n values
  void block(int64_t i, int64_t rows, int64_t j, int64_t cols) const {
    product(rows, cols, size.k, alpha, a.from(i, 0), b.from(0, j), beta, c.from(i, j));
    add_bias(i, rows, j, cols);
  }
  void add_bias(int64_t i, int64_t rows, int64_t j, int64_t cols) const {
    if (!bias) return;
    for (int64_t r = i; r < i + rows; ++r) {
      T* y = c.at(r, j);
#pragma omp simd
      for (int64_t k = 0; k < cols; ++k) y[k] += bias[j + k];
    }
  }
};

// Long sums into a small C (a weight's gradient): each thread sums its share of k in memory of its
// own, then the shares are added in order.
template <class T>
void split_sum(const Product<T>& p, int64_t parts) {
  const int64_t m = p.size.m, n = p.size.n, k = p.size.k;
  const auto memory = std::make_unique_for_overwrite<T[]>(size_t(parts * m * n));
  T* const shares = memory.get();
  parallel_parts(k, parts, [&](int64_t part, int64_t begin, int64_t end) {
    product(m, n, end - begin, p.alpha, p.a.from(0, begin), p.b.from(begin, 0), T(0),
            {shares + part * m * n, n});
  });
  parallel_for(m, 1 + 16384 / n, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* c = p.c.at(i, 0);
      T* sum = shares + i * n;
      for (int64_t part = 1; part < parts; ++part) {
        const T* share = sum + part * m * n;
#pragma omp simd
        for (int64_t j = 0; j < n; ++j) sum[j] += share[j];
      }
      for (int64_t j = 0; j < n; ++j) c[j] = p.beta == 0 ? sum[j] : sum[j] + p.beta * c[j];
    }
    p.add_bias(begin, end - begin, 0, n);
  });
}

// All of it by one call, which OpenBLAS divides among threads of its own choice.
template <class T>
void whole(const Product<T>& p) {
  const int64_t undivided = p.size.m == 1 ? kBlasDividesRow - 1 : kBlasDivides;
  if (blas_divides() && p.size.work() > undivided && !omp_in_parallel())
    expect_threads(num_threads());
  p.block(0, p.size.m, 0, p.size.n);
}

// Tall, wide and deep products are cut here, each thread running its own; OpenBLAS's threads, if it
// divides, do better only if all three sizes are large.
template <class T>
void threaded(const Product<T>& p) {
  const int64_t m = p.size.m, n = p.size.n, k = p.size.k;
  int64_t parts = part_count(p.size.work(), kThreadWork);
  if (!blas_divides()) parts = std::min(parts, std::max<int64_t>(1, std::max(m, n) / 32));
  const bool cut = parts > 1 && (std::min({m, n, k}) <= 512 || !blas_divides());
  if (cut && k >= std::max(m, n) && k >= 128 * parts && m * n * parts <= 1 << 20) {
    split_sum(p, parts);
  } else if (cut && m >= n && m >= 32 * parts) {
    parallel_parts(m, parts, [&](int64_t, int64_t i, int64_t end) { p.block(i, end - i, 0, n); });
  } else if (cut && n >= 32 * parts) {
    parallel_parts(n, parts, [&](int64_t, int64_t j, int64_t end) { p.block(0, m, j, end - j); });
  } else {
    whole(p);
  }
}

// Tiles of a product in bfloat16 or float16, converted to float32 and summed there.
template <class T>
class HalfTiles {
 public:
  static constexpr int64_t kM = 128, kN = 256, kK = 256;
  static constexpr int64_t kScratch = kM * kK + kK * kN + kM * kN;

  static int64_t count(const Sizes& size) {
    return ((size.m + kM - 1) / kM) * ((size.n + kN - 1) / kN);
  }

  // Computes one tile of C, of all that count() has.
  static void run(const Product<T>& p, int64_t tile, float* scratch) {
    const int64_t m = p.size.m, n = p.size.n, k = p.size.k;
    const int64_t across = (n + kN - 1) / kN;
    const int64_t i = tile / across * kM, j = tile % across * kN;
    const int64_t rows = std::min(kM, m - i), cols = std::min(kN, n - j);
    float *a = scratch, *b = a + kM * kK, *c = b + kK * kN;
    for (int64_t q = 0; q == 0 || q < k; q += kK) {
      const int64_t depth = std::min(kK, k - q);
      const auto ta = load(a, p.a.from(i, q), rows, depth),
                 tb = load(b, p.b.from(q, j), depth, cols);
      product<float>(rows, cols, depth, 1, ta, tb, q > 0 ? 1 : 0, {c, cols});
    }
    for (int64_t r = 0; r < rows; ++r) {
      T* out = p.c.at(i + r, j);
      float* sum = c + r * cols;
      // A loop each: with a choice inside, they do not vectorise.
      if (p.alpha != 1)
        for (int64_t s = 0; s < cols; ++s) sum[s] *= p.alpha;
      if (p.beta != 0)
        for (int64_t s = 0; s < cols; ++s) sum[s] += p.beta * out[s];
      if (p.bias)
        for (int64_t s = 0; s < cols; ++s) sum[s] += p.bias[j + s];
#pragma omp simd
      for (int64_t s = 0; s < cols; ++s) out[s] = sum[s];
    }
  }

 private:
  // Keeps the orientation, so that reading is along memory.
  static Matrix<const float> load(float* to, Matrix<const T> x, int64_t rows, int64_t cols) {
    if (x.transposed) std::swap(rows, cols);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t s = 0; s < cols; ++s) to[r * cols + s] = x.data[r * x.ld + s];
    return {to, std::max<int64_t>(cols, 1), x.transposed};
  }
};

// The products of the leading dimensions' matrices, by number.
template <class T>
class Batch {
 public:
  Batch(View c, ConstView a, ConstView b, const T* bias, double alpha, double beta)
      : c_(c), a_(a), b_(b), bias_(bias), alpha_(compute_t<T>(alpha)), beta_(compute_t<T>(beta)) {
    for (int d = 0; d < c.rank - 2; ++d) count_ *= c.shape[d];
    // A column-major C is the row-major one of the transposed product.
    swap_ = matrix<T>(c, 0).transposed;
  }
  int64_t count() const { return count_; }
  Sizes size() const {
    const int64_t m = c_.size(-2), n = c_.size(-1), k = a_.size(-1);
    return swap_ ? Sizes{n, m, k} : Sizes{m, n, k};
  }
  Product<T> operator[](int64_t index) const {
    int64_t at_a = 0, at_b = 0, at_c = 0;
    for (int d = c_.rank - 3; d >= 0; --d, index /= std::max<int64_t>(c_.shape[d + 1], 1)) {
      const int64_t i = index % c_.shape[d];
      at_a += i * a_.strides[d], at_b += i * b_.strides[d], at_c += i * c_.strides[d];
    }
    const auto a = matrix<const T>(a_, at_a), b = matrix<const T>(b_, at_b);
    const auto c = matrix<T>(c_, at_c);
    if (swap_) return {size(), alpha_, beta_, b.t(), a.t(), c.t(), nullptr};
    return {size(), alpha_, beta_, a, b, c, bias_};
  }

 private:
  View c_;
  ConstView a_, b_;
  const T* bias_;
  compute_t<T> alpha_, beta_;
  int64_t count_ = 1;
  bool swap_;
};

// What oneDNN is asked for: its call takes some microseconds, and single rows or columns are a
// matter of bandwidth. Thin products of 16 bits, such as LoRA's, have no other instructions.
template <class T>
bool for_onednn(const Sizes& size) {
  constexpr int64_t kWork = is_half_type<T> ? kThreadWork : 8 * kThreadWork;
  constexpr int64_t kThinnest = is_half_type<T> ? 4 : 16;
  return onednn_multiplies(dtype_of<T>()) && size.work() >= kWork &&
         std::min({size.m, size.n, size.k}) >= kThinnest;
}

template <class T>
bool by_onednn(const Product<T>& p) {
  if (p.alpha != 1 || (p.beta != 0 && p.beta != 1)) return false;
  return onednn_product({.dtype = dtype_of<T>(),
                         .m = p.size.m,
                         .n = p.size.n,
                         .k = p.size.k,
                         .a = {p.a.data, p.a.ld, p.a.transposed},
                         .b = {p.b.data, p.b.ld, p.b.transposed},
                         .c = {p.c.data, p.c.ld, p.c.transposed},
                         .bias = p.bias,
                         .add = p.beta == 1});
}

// All of a batch by oneDNN, or nothing: its matrices differ only in where they lie.
template <class T>
bool by_onednn(const Batch<T>& batch) {
  if (!for_onednn<T>(batch.size())) return false;
  if (!omp_in_parallel()) expect_threads(num_threads());  // for oneDNN's own region
  if (!by_onednn(batch[0])) return false;
  const int64_t grain = batch.count() >= num_threads() ? 1 : batch.count();
  parallel_for(batch.count() - 1, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) by_onednn(batch[i + 1]);
  });
  return true;
}

template <class T>
void run(const Batch<T>& batch) {
  const Sizes size = batch.size();
  if (size.m == 0 || size.n == 0 || batch.count() == 0) return;
  if (by_onednn(batch)) return;
  if constexpr (is_half_type<T>) {
    const int64_t tiles = HalfTiles<T>::count(size), items = tiles * batch.count();
    const int64_t grain = 1 + kThreadWork * tiles / std::max<int64_t>(1, size.work());
    const int64_t parts = part_count(items, grain);
    const auto memory =
        std::make_unique_for_overwrite<float[]>(size_t(parts * HalfTiles<T>::kScratch));
    parallel_parts(items, parts, [&](int64_t part, int64_t begin, int64_t end) {
      float* scratch = memory.get() + part * HalfTiles<T>::kScratch;
      for (int64_t i = begin; i < end; ++i) HalfTiles<T>::run(batch[i / tiles], i % tiles, scratch);
    });
  } else {
    const int64_t grain = 1 + kThreadWork / size.work();
    const bool fills_threads = batch.count() >= num_threads() * grain;
    if (batch.count() == 1 || (!fills_threads && size.work() > 4 * kThreadWork)) {
      for (int64_t i = 0; i < batch.count(); ++i) threaded(batch[i]);
      return;
    }
    parallel_for(batch.count(), grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) whole(batch[i]);
    });
  }
}

}  // namespace

void gemm(View c, ConstView a, ConstView b, double alpha, double beta) {
  dispatch_floating(c.dtype, [&]<class T>() { run(Batch<T>(c, a, b, nullptr, alpha, beta)); });
}

void gemm_bias(View c, ConstView a, ConstView b, ConstView bias) {
  dispatch_floating(c.dtype, [&]<class T>() { run(Batch<T>(c, a, b, bias.as<T>(), 1, 0)); });
}

}  // namespace papilio::cpu
