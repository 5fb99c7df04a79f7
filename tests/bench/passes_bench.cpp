// The passes that an adapted linear layer makes beside its products, each as a share of the rate at
// which this machine copies as many bytes: a pass at 1 takes what its bytes take.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "boft/ops/cayley.h"
#include "kernels/boft_linear.h"
#include "kernels/butterfly_rotation.h"
#include "kernels/segment_outer.h"
#include "tensor/creation.h"
#include "tensor/pick.h"
#include "tensor/random.h"
#include "tests/bench/targets.h"
#include "tests/bench/timing.h"

namespace papilio::bench {
namespace {

template <class F>
void time_bytes(benchmark::State& state, int64_t bytes, F&& call) {
  const double rate = copy_rate(bytes);
  std::vector<double> seconds;
  call();
  for (auto _ : state) {
    seconds.push_back(seconds_of(call, on_gpu() ? 10 : 1));
    state.SetIterationTime(seconds.back());
  }
  const double bound = double(bytes) / rate;
  state.counters["bound_us"] = 1e6 * bound;
  state.counters["of_bound"] = bound / median(seconds);
  state.SetBytesProcessed(state.iterations() * bytes);
}

// Rows of ViT-S/16 at 224 pixels, batch 8; on a GPU as many as others have.
int64_t tokens() {
  return on_gpu() ? rows() : 1576;
}

// dL/dR: x and dx are read once; w columns a segment.
void pass_segment_outer(benchmark::State& state) {
  const int64_t d = state.range(0), w = state.range(1);
  const Tensor x = randn({tokens(), d}, here()), g = randn({tokens(), d}, here());
  const Tensor out = empty({w, d}, here());
  time_bytes(state, 8 * x.numel(), [&] {
    pick(device(), cpu::segment_outer, cuda::segment_outer)(view(out), view(x), view(g));
  });
}
BENCHMARK(pass_segment_outer)
    ->ArgNames({"d", "w"})
    ->ArgsProduct({{384, 1536}, {8, 32}})
    ->UseManualTime();

// dL/ds: g and y are read once.
void pass_scale_sums(benchmark::State& state) {
  const int64_t n = state.range(0);
  const Tensor g = randn({tokens(), n}, here()), y = randn({tokens(), n}, here());
  const Tensor sums = empty({3, n}, here());
  time_bytes(state, 8 * g.numel(), [&] {
    pick(device(), cpu::scale_gradient_sums, cuda::scale_gradient_sums)(view(sums), view(g),
                                                                        view(y), {});
  });
}
BENCHMARK(pass_scale_sums)->ArgName("n")->Arg(384)->Arg(1536)->UseManualTime();

// W R^T: the weight is read and written once.
void pass_weight_rotation(benchmark::State& state) {
  const NoGrad no_grad;
  const int64_t out = state.range(0), d = state.range(1), b = state.range(2), m = state.range(3);
  const Tensor w = randn({out, d}, here()), rotated = empty_like(w);
  const Tensor q = cayley(normal({m, d / b, b, b}, 0, 0.1, here()));
  time_bytes(state, 8 * w.numel(), [&] {
    pick(device(), cpu::butterfly_rotation, cuda::butterfly_rotation)(view(rotated), view(w),
                                                                      view(q), true);
  });
}
void weight_shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"out", "d", "b", "m"})->UseManualTime();
  for (auto [out, d] : {std::pair{384, 384}, {1536, 384}, {384, 1536}})
    for (auto [b, m] : {std::pair{4, 2}, {8, 1}, {16, 1}, {32, 1}}) bench->Args({out, d, b, m});
}
BENCHMARK(pass_weight_rotation)->Apply(weight_shapes);

}  // namespace
}  // namespace papilio::bench
