// The method's operations and what they are compared with: matrix products, attention, memory.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/cayley.h"
#include "kernels/gemm.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/bench/targets.h"
#include "tests/bench/timing.h"

namespace papilio::bench {
namespace {

// Times `call`, which has to move at least `bytes` bytes, and compares it with a copy of as many.
// The share of the copy's rate.
template <class F>
double time_against_copy(benchmark::State& state, int64_t bytes, F&& call) {
  const double rate = copy_rate(bytes);
  std::vector<double> seconds;
  call();
  for (auto _ : state) {
    seconds.push_back(seconds_of(call, on_gpu() ? 10 : 1));
    state.SetIterationTime(seconds.back());
  }
  const double share = double(bytes) / median(seconds) / rate;
  state.counters["of_copy"] = share;
  state.SetBytesProcessed(state.iterations() * bytes);
  return share;
}

// cayley/b: 1024 matrices of b x b; on a GPU as many as fill 4 KiB for each of rows(), 128 MiB.
int64_t matrices(int64_t b) {
  return on_gpu() ? rows() * 1024 / (b * b) : 1024;
}

void cayley_forward(benchmark::State& state) {
  const NoGrad no_grad;
  const int64_t b = state.range(0), n = matrices(b);
  const Tensor r = normal({n, b, b}, 0, 0.1, here());
  time_against_copy(state, r.numel() * 8, [&] { cayley(r); });
  state.SetItemsProcessed(state.iterations() * n);
}
BENCHMARK(cayley_forward)->RangeMultiplier(2)->Range(2, 64)->UseManualTime();

void cayley_backward(benchmark::State& state) {
  const int64_t b = state.range(0), n = matrices(b);
  Tensor r = leaf(normal({n, b, b}, 0, 0.1, here()));
  const Tensor q = cayley(r);
  const Tensor dq = normal(q.shape(), 0, 1, here());
  time_against_copy(state, r.numel() * 12, [&] {
    zero_grad(r);
    backward(q, dq, true);
  });
  state.SetItemsProcessed(state.iterations() * n);
}
BENCHMARK(cayley_backward)->RangeMultiplier(2)->Range(2, 64)->UseManualTime();

// The GPU's target, at the sizes of a ViT-S with the default factors.
void report_rotation(benchmark::State& state, const char* way, double share) {
  if (on_gpu() && state.range(0) == 1536 && state.range(1) == 4 && state.range(2) == 2)
    report_target({std::string("rotation ") + way + ", d 1536, b 4, m 2: share of a copy's rate",
                   share, 0.85, false});
}

// butterfly_rotation/d/b/m; bytes are one read and one write of x.
void rotation_forward(benchmark::State& state) {
  const NoGrad no_grad;
  const int64_t d = state.range(0), b = state.range(1), m = state.range(2);
  const Tensor x = randn({rows(), d}, here());
  const Tensor q = cayley(normal({m, d / b, b, b}, 0, 0.1, here()));
  report_rotation(state, "forward",
                  time_against_copy(state, x.numel() * 8, [&] { butterfly_rotation(x, q); }));
}

void rotation_backward(benchmark::State& state) {
  const int64_t d = state.range(0), b = state.range(1), m = state.range(2);
  Tensor x = leaf(randn({rows(), d}, here()));
  Tensor q = leaf(cayley(normal({m, d / b, b, b}, 0, 0.1, here())).detach());
  const Tensor y = butterfly_rotation(x, q), dy = randn(y.shape(), here());
  report_rotation(state, "backward", time_against_copy(state, x.numel() * 12, [&] {
                    zero_grad(x);
                    zero_grad(q);
                    backward(y, dy, true);
                  }));
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"d", "b", "m"})->UseManualTime();
  for (int64_t d : {64, 768, 1536}) {
    for (auto [b, m] : {std::pair{4, 1}, {4, 2}, {8, 2}, {4, 4}, {32, 1}}) bench->Args({d, b, m});
  }
}
BENCHMARK(rotation_forward)->Apply(shapes);
BENCHMARK(rotation_backward)->Apply(shapes);

// The same for segments that go to tensor cores: 16-bit types, and float32 if TF32 is allowed.
// Bytes are one read of each input of x's size and one write of each such output.
void wide_segments(benchmark::State& state, DType dtype, bool backwards) {
  const int64_t d = state.range(0), b = state.range(1), m = state.range(2);
  if (on_gpu()) cuda::allow_tf32(true);
  Tensor x = leaf(copy_of(randn({rows(), d}, here()), dtype));
  Tensor q = leaf(copy_of(cayley(normal({m, d / b, b, b}, 0, 0.1, here())), dtype));
  const Tensor y = butterfly_rotation(x, q), dy = y.detach();
  const int64_t bytes = x.numel() * int64_t(size_of(dtype));
  if (backwards) {
    time_against_copy(state, 3 * bytes, [&] {
      zero_grad(x);
      zero_grad(q);
      backward(y, dy, true);
    });
  } else {
    const NoGrad no_grad;
    time_against_copy(state, 2 * bytes, [&] { butterfly_rotation(x, q); });
  }
  if (on_gpu()) cuda::allow_tf32(false);
}
void wide_shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"d", "b", "m"})->UseManualTime();
  for (auto [b, m] : {std::pair{16, 1}, {32, 1}, {64, 1}, {8, 2}, {4, 3}})
    bench->Args({1536, b, m});
}
BENCHMARK_CAPTURE(wide_segments, forward_bfloat16, DType::bfloat16, false)->Apply(wide_shapes);
BENCHMARK_CAPTURE(wide_segments, forward_float32, DType::float32, false)->Apply(wide_shapes);
BENCHMARK_CAPTURE(wide_segments, backward_bfloat16, DType::bfloat16, true)->Apply(wide_shapes);
BENCHMARK_CAPTURE(wide_segments, backward_float32, DType::float32, true)->Apply(wide_shapes);

void copy(benchmark::State& state) {
  const Tensor x = randn({rows(), 768}, here());
  time_each(state, [&] { clone(x); });
  state.SetBytesProcessed(state.iterations() * x.numel() * 8);
}
BENCHMARK(copy)->UseManualTime();

// gemm/m/k/n: (m, k) times (n, k) transposed, as a linear layer has it.
void gemm(benchmark::State& state) {
  const NoGrad no_grad;
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const Tensor x = randn({m, k}, here()), w = randn({n, k}, here());
  time_each(state, [&] { linear(x, w); });
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
    ->UseManualTime();

// attention/batch x heads/tokens/width: forward and backward.
void attention(benchmark::State& state) {
  const int64_t heads = state.range(0), t = state.range(1), d = state.range(2);
  const auto random = [&] { return randn({1, heads, t, d}, here()); };
  Tensor q = leaf(random()), k = leaf(random()), v = leaf(random());
  const Tensor dy = random();
  time_each(state, [&] {
    for (const Tensor& x : {q, k, v}) zero_grad(x);
    backward(scaled_dot_product_attention(q, k, v), dy);
  });
  const double operations = 12 * double(heads * t * t * d);
  state.counters["GFLOP/s"] = benchmark::Counter(1e-9 * operations * double(state.iterations()),
                                                 benchmark::Counter::kIsRate);
  if (t < 1000 || on_gpu()) return;
  // In turns with a product, so that the ratio does not depend on what else the machine does.
  const Tensor x = randn({2056, 384}, here()), w = randn({1536, 384}, here());
  double product = std::numeric_limits<double>::infinity(), step = product;
  for (int i = 0; i < 10; ++i) {
    product = std::min(product, seconds_of([&] { matmul(x, transpose(w, 0, 1)); }));
    for (const Tensor& p : {q, k, v}) zero_grad(p);
    step = std::min(step, seconds_of([&] { backward(scaled_dot_product_attention(q, k, v), dy); }));
  }
  const double rate = 2.0 * 2056 * 384 * 1536 / product;
  report_target({"attention, 1370 tokens of width 64, against the rate of sgemm",
                 operations / step / rate, 0.7, false});
}
BENCHMARK(attention)
    ->ArgNames({"heads", "T", "D"})
    ->Args({512, 17, 16})
    ->Args({192, 65, 64})
    ->Args({48, 197, 64})
    ->Args({12, 1370, 64})
    ->UseManualTime();

}  // namespace
}  // namespace papilio::bench
