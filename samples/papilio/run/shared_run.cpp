#include "samples/papilio/run/shared_run.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/compiled_for.h"
#include "kernels/products.h"
#include "kernels/threads.h"
#include "nn/data/loader.h"
#include "nn/parallel/build_digest.h"
#include "nn/parallel/communicator.h"
#include "samples/papilio/data/data_lines.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/version.h"
#include "tensor/copy.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace {

// The settings without those that are each machine's own.
std::string shared_settings(const std::string& settings) {
  std::istringstream lines(settings);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const auto own = {"threads = ", "device = ", "workers = ", "products = "};
    if (std::ranges::none_of(own, [&](const char* key) { return line.starts_with(key); }))
      text += line + '\n';
  }
  return text;
}

template <class T>
void share(T& value) {
  ranks().broadcast(std::span(&value, 1));
}

void share(const Tensor& x) {
  const Tensor host = copy_of(cpu_data(x));
  ranks().broadcast(std::span(static_cast<std::byte*>(host.raw_data()),
                              size_t(host.numel()) * size_of(host.dtype())));
  copy_(x, host);
}

// What load_training_state has put back at rank 0.
void share_resumed(const nn::TrainingParts& parts, int64_t& step, TrainingRecord& record) {
  std::map<std::string, Tensor> moments = parts.optimizer.state_dict();
  for (const auto& [name, tensor] : moments) share(tensor);
  parts.optimizer.load_state_dict(moments);
  if (parts.average != nullptr) {
    nn::StateDict averages = parts.average->state_dict();
    for (const auto& [name, tensor] : averages) share(tensor);
    parts.average->load_state_dict(averages);
  }
  nn::LoaderState loader = parts.loader.state();
  share(loader);
  parts.loader.set_state(loader);
  GeneratorState random = default_generator().state();
  share(random);
  default_generator().set_state(random);
  share(step);
  share(record);
}

// Libraries differ in last bits, and so do one library's kernels for two processors, and Papilio's.
void check_kernels(const TrainingSettings& s, Device device, const Options& options) {
  std::string text = str("for ", cpu::compiled_for(), ", products by ", name(products()), ", ",
                         openblas_version());
  if (products() != Products::openblas)
    text += ", " + onednn_version() + (multiplies_bfloat16() ? " and bfloat16's instructions" : "");
  if (!device.is_cpu()) text += ", on a GPU";
  const std::string found = nn::difference_of_ranks(ranks(), "kernels", text);
  if (found.empty()) return;
  check<nn::RankError>(s.reproducible == 0, "--reproducible promises bits, and ", found);
  if (is_first_rank()) warn(options, {found});
}

}  // namespace

void check_ranks(const TrainingSettings& s) {
  const int size = ranks().size();
  check<UsageError>(s.reproducible == 0 || size <= s.reproducible, "--reproducible ",
                    s.reproducible, ": expected at most as many ranks, got ", size);
  const int64_t parts = std::max<int64_t>(size, s.reproducible);
  check<UsageError>(parts <= s.batch_size, "--batch-size ", s.batch_size, ": expected at least ",
                    parts, ", one for each ", s.reproducible > 0 ? "part" : "rank");
  check<UsageError>(size == 1 || !s.fit_memory, "--fit-memory: is for one process; here each of ",
                    size, " ranks takes its part of the batch");
  check<UsageError>(!s.cuda_graph || (size == 1 && s.reproducible == 0),
                    "--cuda-graph: a step of one process in one part alone is a graph");
}

nn::DataParallel parallel_of(const TrainingSettings& s) {
  check_ranks(s);
  // A product's bits depend on the number of threads.
  if (s.reproducible > 0) set_num_threads(1);
  return {.ranks = ranks(), .reproducible_parts = s.reproducible, .gradients = gradients_of(s)};
}

DType gradients_of(const TrainingSettings& s) {
  return s.gradients == "bfloat16" ? DType::bfloat16 : DType::float32;
}

int64_t samples_at_a_time(const TrainingSettings& s) {
  const int64_t parts = std::max<int64_t>(ranks().size(), s.reproducible);
  return (s.batch_size + parts - 1) / parts;
}

void share_start(const TrainingSettings& training, const nn::TrainingParts& parts, int64_t& step,
                 TrainingRecord& record, const TrainingJob& job, const Options& options) {
  nn::Communicator& all = ranks();
  if (all.size() == 1) return;
  all.set_busy(false);
  all.set_patience(training.rank_timeout);
  nn::check_same_everywhere(
      all, "program", str("Papilio ", kVersion, ", its files' digest ", nn::build_digest(), '\n'));
  nn::check_same_everywhere(all, "options", shared_settings(job.settings));
  nn::check_same_everywhere(all, "model", job.model_lines);
  check_kernels(training, nn::device_of(parts.model), options);
  const nn::LoaderState loader = parts.loader.state();
  nn::check_same_everywhere(
      all, "data",
      data_lines(job.data) + str("data.train.digest = ", loader.data, " of names and labels\n") +
          (job.data.validation == nullptr
               ? ""
               : str("data.validation.digest = ", job.data.validation->digest(),
                     " of names and labels\n")));
  nn::broadcast_parameters(all, parts.model);
  if (training.resume) share_resumed(parts, step, record);
  join_gpus(nn::device_of(parts.model), training.rank_timeout);
}

}  // namespace papilio::cli
