#include "samples/papilio/run/run_results.h"

#include <nlohmann/json.hpp>

#include "kernels/threads.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/orthogonality.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/run/run_files.h"
#include "samples/papilio/version.h"
#include "tensor/files/atomic_file.h"

namespace papilio::cli {

nlohmann::json run_results(const Options& options, const RunSettings& s, nn::Module& model,
                           const boft::AdapterModel* adapters, const TrainingEnd& end) {
  const nn::ParameterCount count = nn::count_parameters(model);
  nlohmann::json results{{"command", options.command()},
                         {"version", kVersion},
                         {"device", str(nn::device_of(model))},
                         {"threads", num_threads()},
                         {"seed", s.training.seed},
                         {"out", s.out},
                         {"data", s.data.path},
                         {"trainable_parameters", count.trainable},
                         {"all_parameters", count.all}};
  if (adapters != nullptr && !adapters->active().empty()) {
    const std::string name = adapters->active().front();
    if (boft::rotates_in_blocks(adapters->config(name)))
      results["orthogonality_error"] = orthogonality_error(*adapters, name).error;
  }
  if (ranks().size() > 1) {
    results["ranks"] = ranks().size();
    results["gradient_messages"] = end.gradient_messages;
    results["gradient_bytes"] = end.gradient_bytes;
  }
  add_to_json(results, end);
  return results;
}

void write_results_or_warn(const Options& options, const std::filesystem::path& out,
                           const nlohmann::json& results) {
  try {
    write_file_atomically(out / kResults, results.dump(2) + '\n');
  } catch (const FileError& e) {
    warn(options, {str("no ", kResults, ": ", e.what())});
  }
}

}  // namespace papilio::cli
