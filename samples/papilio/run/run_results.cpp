#include "samples/papilio/run/run_results.h"

#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "kernels/threads.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/run/orthogonality.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/table.h"
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

std::string written_in(const std::filesystem::path& out) {
  std::vector<std::string> names;
  for (const char* name : {"config.json",
                           "model.safetensors",
                           "model.safetensors.index.json",
                           "adapter_config.json",
                           "adapter_model.safetensors",
                           "tokenizer.json",
                           "id2label.json",
                           "preprocessor_config.json",
                           "model_index.json",
                           "unet/",
                           "vae/",
                           "text_encoder/",
                           "tokenizer/",
                           "scheduler/",
                           "controlnet/",
                           kResults,
                           "report.html",
                           "log.csv",
                           "steps.csv",
                           "tensorboard/",
                           "checkpoints/",
                           "run.toml"}) {
    std::error_code ignored;
    if (std::filesystem::exists(out / name, ignored)) names.emplace_back(name);
  }
  return joined(names, ", ");
}

}  // namespace papilio::cli
