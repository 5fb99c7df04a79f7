// The method's operations and what they are compared with: matrix products, attention, memory.
#include <benchmark/benchmark.h>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/cayley.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::bench {
namespace {

// cayley/b: 1024 matrices of b x b.
void cayley_forward(benchmark::State& state) {
  const NoGrad no_grad;
  const int64_t b = state.range(0);
  const Tensor r = normal({1024, b, b}, 0, 0.1);
  for (auto _ : state) benchmark::DoNotOptimize(cayley(r));
  state.SetItemsProcessed(state.iterations() * 1024);
}
BENCHMARK(cayley_forward)->RangeMultiplier(2)->Range(2, 64)->UseRealTime();

void cayley_backward(benchmark::State& state) {
  const int64_t b = state.range(0);
  Tensor r = leaf(normal({1024, b, b}, 0, 0.1));
  const Tensor q = cayley(r);
  const Tensor dq = normal(q.shape(), 0, 1);
  for (auto _ : state) {
    zero_grad(r);
    backward(q, dq, true);
  }
  state.SetItemsProcessed(state.iterations() * 1024);
}
BENCHMARK(cayley_backward)->RangeMultiplier(2)->Range(2, 64)->UseRealTime();

// butterfly_rotation/d/b/m: 2048 rows; bytes are one read and one write of x.
void rotation_forward(benchmark::State& state) {
  const NoGrad no_grad;
  const int64_t d = state.range(0), b = state.range(1), m = state.range(2);
  const Tensor x = randn({2048, d});
  const Tensor q = cayley(normal({m, d / b, b, b}, 0, 0.1));
  for (auto _ : state) benchmark::DoNotOptimize(butterfly_rotation(x, q));
  state.SetBytesProcessed(state.iterations() * x.numel() * 8);
}

void rotation_backward(benchmark::State& state) {
  const int64_t d = state.range(0), b = state.range(1), m = state.range(2);
  Tensor x = leaf(randn({2048, d}));
  Tensor q = leaf(cayley(normal({m, d / b, b, b}, 0, 0.1)).detach());
  const Tensor y = butterfly_rotation(x, q), dy = randn(y.shape());
  for (auto _ : state) {
    zero_grad(x);
    zero_grad(q);
    backward(y, dy, true);
  }
  state.SetBytesProcessed(state.iterations() * x.numel() * 12);
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"d", "b", "m"})->UseRealTime();
  for (int64_t d : {64, 768, 1536}) {
    for (auto [b, m] : {std::pair{4, 1}, {4, 2}, {8, 2}, {4, 4}, {32, 1}}) bench->Args({d, b, m});
  }
}
BENCHMARK(rotation_forward)->Apply(shapes);
BENCHMARK(rotation_backward)->Apply(shapes);

void copy(benchmark::State& state) {
  const Tensor x = randn({2048, 768});
  for (auto _ : state) benchmark::DoNotOptimize(clone(x));
  state.SetBytesProcessed(state.iterations() * x.numel() * 8);
}
BENCHMARK(copy)->UseRealTime();

// gemm/m/k/n: (m, k) times (n, k) transposed, as a linear layer has it.
void gemm(benchmark::State& state) {
  const NoGrad no_grad;
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const Tensor x = randn({m, k}), w = randn({n, k});
  for (auto _ : state) benchmark::DoNotOptimize(linear(x, w));
  state.counters["GFLOP/s"] = benchmark::Counter(
      2e-9 * double(m * k * n) * double(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(gemm)
    ->ArgNames({"m", "k", "n"})
    ->Args({2176, 64, 64})
    ->Args({2176, 64, 256})
    ->Args({4160, 192, 192})
    ->Args({4160, 192, 768})
    ->Args({2056, 384, 384})
    ->Args({2048, 2048, 2048})
    ->UseRealTime();

// attention/batch x heads/tokens/width: forward and backward.
void attention(benchmark::State& state) {
  const int64_t heads = state.range(0), t = state.range(1), d = state.range(2);
  Tensor q = leaf(randn({1, heads, t, d})), k = leaf(randn({1, heads, t, d}));
  Tensor v = leaf(randn({1, heads, t, d}));
  const Tensor dy = randn({1, heads, t, d});
  for (auto _ : state) {
    for (const Tensor& x : {q, k, v}) zero_grad(x);
    backward(scaled_dot_product_attention(q, k, v), dy);
  }
  state.counters["GFLOP/s"] =
      benchmark::Counter(1e-9 * 12 * double(heads * t * t * d) * double(state.iterations()),
                         benchmark::Counter::kIsRate);
}
BENCHMARK(attention)
    ->ArgNames({"heads", "T", "D"})
    ->Args({512, 17, 16})
    ->Args({192, 65, 64})
    ->Args({48, 197, 64})
    ->UseRealTime();

}  // namespace
}  // namespace papilio::bench
