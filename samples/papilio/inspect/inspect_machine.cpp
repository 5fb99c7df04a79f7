#include "samples/papilio/inspect/inspect_machine.h"

#include <cmath>
#include <cstddef>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/cuda.h"
#include "kernels/products.h"
#include "kernels/threads.h"
#include "nn/train/speed.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"
#include "tensor/available_memory.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

// What the kernel calls the processor; "" if it says nothing.
std::string processor_name() {
  std::ifstream lines("/proc/cpuinfo");
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos)
      return printable(line.substr(colon + 2));
  }
  return "";
}

std::string speed_text(double operations) {
  return str(std::llround(operations / 1e9), " GFLOP/s");
}

}  // namespace

Inspection inspect_machine() {
  const AvailableMemory memory = available_memory({});
  const double float32 = nn::measured_peak(DType::float32),
               bfloat16 = nn::measured_peak(DType::bfloat16);
  const std::string why = why_no_onednn(), processor = processor_name();
  const int gpus = cuda::device_count();
  std::vector<std::vector<std::string>> rows{
      {"processor", processor + (processor.empty() ? "" : ", ") + str(num_threads(), " threads")},
      {"bfloat16 instructions", multiplies_bfloat16() ? "yes" : "no"},
      {"memory", bytes_text(memory.bytes) + " (" + memory.bound + ')'},
      {"OpenBLAS", openblas_version()},
      {"oneDNN", why.empty() ? onednn_version() : "none: " + printable(why)},
      {"products", std::string(name(products()))},
      {"in float32", speed_text(float32)},
      {"in bfloat16", speed_text(bfloat16)},
      {"GPUs", cuda::is_built() ? str(gpus) : "none: this build is without CUDA"}};
  nlohmann::json json{{"kind", "machine"},
                      {"processor", processor},
                      {"threads", num_threads()},
                      {"bfloat16_instructions", multiplies_bfloat16()},
                      {"memory", memory.bytes},
                      {"memory_bound", memory.bound},
                      {"openblas", openblas_version()},
                      {"onednn", onednn_version()},
                      {"why_no_onednn", why},
                      {"products", name(products())},
                      {"float32_flops", float32},
                      {"bfloat16_flops", bfloat16},
                      {"cuda", cuda::is_built()},
                      {"gpus", gpus}};
  return {table(rows, 2), std::make_shared<nlohmann::json>(json)};
}

}  // namespace papilio::cli
