// papilio_bench: Google Benchmark's program, and after it the project's targets. --device=cuda runs
// them on the GPU, --rows=N with N rows instead of as many as keep it busy.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/bench/targets.h"
#include "tests/bench/timing.h"

extern "C" char* openblas_get_corename();

namespace papilio::bench {
namespace {

// Takes --device=... and --rows=... out of the arguments.
void read_own(int& argc, char** argv) {
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--device=cuda")
      use(Device::cuda());
    else if (word.starts_with("--rows="))
      set_rows(std::max(1LL, std::atoll(argv[i] + word.find('=') + 1)));
    else if (word != "--device=cpu")
      argv[kept++] = argv[i];
  }
  argc = kept;
}

int run(int argc, char** argv) {
  read_own(argc, argv);
  register_vit_steps();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::ostringstream where;
  where << device();
  benchmark::AddCustomContext("device", where.str());
  benchmark::AddCustomContext("threads", std::to_string(omp_get_max_threads()));
  benchmark::AddCustomContext("openblas_core", openblas_get_corename());
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  print_targets();
  return 0;
}

}  // namespace
}  // namespace papilio::bench

int main(int argc, char** argv) {
  try {
    return papilio::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
