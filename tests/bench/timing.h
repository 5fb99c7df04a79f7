// Where the benchmarks run, and how long a call takes there.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>

#include "tensor/creation.h"

namespace papilio::bench {

// The CPU, or what papilio_bench's --device named.
Device device();
void use(Device device);
bool on_gpu();

// Rows of the rotation's x: 2048, or 32768 on a GPU, unless --rows said otherwise.
int64_t rows();
void set_rows(int64_t rows);

// float32 on the device.
TensorOptions here();

// Seconds of one call. On a GPU by its own clock, the mean of `calls` asked for in a row, so that
// it need not wait for the host between short ones.
template <class F>
double seconds_of(F&& call, int calls = 1);

// Bytes a second of copying `bytes` bytes on the device (read and written bytes counted), measured
// once a size.
double copy_rate(int64_t bytes);

// Times `call` in each iteration; the benchmark says UseManualTime().
template <class F>
void time_each(benchmark::State& state, F&& call) {
  for (auto _ : state) state.SetIterationTime(seconds_of(call, on_gpu() ? 10 : 1));
}

// vit_bench.cpp's, which depend on the device.
void register_vit_steps();

}  // namespace papilio::bench

#include "kernels/cuda/stopwatch.h"

template <class F>
double papilio::bench::seconds_of(F&& call, int calls) {
  const auto all = [&] {
    for (int i = 0; i < calls; ++i) call();
  };
  const auto begin = std::chrono::steady_clock::now();
  double seconds = 0;
  if (on_gpu())
    seconds = cuda::seconds_on_device(all, device().index);
  else
    all();
  if (seconds == 0) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    seconds = passed.count();
  }
  return seconds / calls;
}
