#include "samples/papilio/inspect/would_adapt.h"

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "boft/files/config_json.h"
#include "boft/methods/adapter.h"
#include "boft/model/plan.h"
#include "boft/model/targets.h"
#include "nn/init.h"
#include "nn/models/pretrained.h"
#include "nn/models/pretrained_model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"

namespace papilio::cli {

namespace fs = std::filesystem;
using nlohmann::json;

Inspection would_adapt(const fs::path& adapter_config, const fs::path& folder) {
  const auto [config, warnings] = boft::read_config(adapter_config);
  const nn::SkipInit skip;  // only shapes count
  const std::unique_ptr<nn::PretrainedModel> described =
      nn::model_from_config(folder / "config.json");
  nn::PretrainedModel& model = *described;
  const int64_t base = nn::count_parameters(model).all;
  const boft::AdapterPlan plan = boft::plan_adapter(model, config);
  std::vector<std::string> notes = warnings;
  notes.insert(notes.end(), plan.warnings.begin(), plan.warnings.end());
  const bool rotates = boft::rotates_in_blocks(config);

  std::vector<std::vector<std::string>> rows{
      rotates
          ? std::vector<std::string>{"layer", "out", "d", "b", "N", "m", "parameters",
                                     "degrees of freedom"}
          : std::vector<std::string>{"layer", "out", "d", "r", "parameters", "degrees of freedom"}};
  json layers = json::array(), own = json::array();
  std::map<std::string, std::vector<std::string>> problems;  // layers by what is wrong
  for (const boft::LayerPlan& layer : plan.layers) {
    json entry{
        {"path", layer.path}, {"module", layer.module_type}, {"shape", {layer.out, layer.d}}};
    std::vector<std::string> row{layer.path, std::to_string(layer.out), std::to_string(layer.d)};
    if (!layer.problem.empty()) {
      entry["problem"] = layer.problem;
      problems[layer.problem].push_back(layer.path);
      row.push_back("does not fit");
      row.resize(rows[0].size());
    } else {
      if (rotates) {
        entry.update({{"block_size", layer.block_size},
                      {"block_num", layer.block_num},
                      {"factors", layer.factors}});
        for (const int64_t n : {layer.block_size, layer.block_num, layer.factors})
          row.push_back(std::to_string(n));
      } else {
        entry["r"] = layer.rank;
        row.push_back(std::to_string(layer.rank));
      }
      entry.update(
          {{"parameters", layer.parameters}, {"degrees_of_freedom", layer.degrees_of_freedom}});
      row.push_back(with_commas(layer.parameters));
      row.push_back(with_commas(layer.degrees_of_freedom));
    }
    rows.push_back(row);
    layers.push_back(entry);
  }
  for (const auto& [problem, paths] : problems) {
    notes.push_back(str("does not fit: ", paths.front(),
                        paths.size() > 1 ? str(" and ", paths.size() - 1, " more") : "", ": ",
                        problem));
  }
  const auto last_row = [&](const std::string& name, const std::string& parameters) {
    std::vector<std::string> row(rows[0].size());
    row.front() = name;
    row[row.size() - 2] = parameters;
    rows.push_back(row);
  };
  for (const boft::TrainedInFull& field : plan.trained_in_full) {
    last_row(field.name + " (in full)", with_commas(field.numel()));
    own.push_back({{"path", field.name}, {"parameters", field.numel()}});
  }
  const int64_t all = plan.trainable_parameters();
  last_row("total", with_commas(all));
  std::string text = str(peft_type(config), plan.fits() ? " would adapt " : " does not fit all of ",
                         layers.size(), " layers: ", with_commas(all),
                         " trainable parameters beside the model's ", with_commas(base), '\n');
  for (const std::string& note : notes) text += "note: " + printable(note) + '\n';
  return {text + '\n' + table(rows),
          std::make_shared<json>(json{{"kind", "would_adapt"},
                                      {"peft_type", peft_type(config)},
                                      {"fits", plan.fits()},
                                      {"layers", layers},
                                      {"trained_in_full", own},
                                      {"trainable_parameters", all},
                                      {"model_parameters", base},
                                      {"notes", notes}}),
          plan.fits() ? 0 : 1};
}

}  // namespace papilio::cli
