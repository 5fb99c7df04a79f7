// papilio_bench: Google Benchmark's program, and after it the project's targets.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <cstdio>

#include "tests/bench/targets.h"

extern "C" char* openblas_get_corename();

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("threads", std::to_string(omp_get_max_threads()));
  benchmark::AddCustomContext("openblas_core", openblas_get_corename());
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  papilio::bench::print_targets();
}
