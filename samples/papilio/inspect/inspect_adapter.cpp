#include "samples/papilio/inspect/inspect_adapter.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autograd/anomaly.h"
#include "autograd/grad_mode.h"
#include "boft/files/adapter_folder.h"
#include "boft/files/config_json.h"
#include "boft/geometry/angles.h"
#include "boft/methods/methods.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"

namespace papilio::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::string_view kPrefix = boft::kKeyPrefix;

struct Rows {
  std::vector<std::vector<std::string>> table;
  json list = json::array();
  int64_t stored = 0, free = 0;    // parameters in the file; true degrees of freedom
  double orthogonality_error = 0;  // the largest
};

// Rotations in blocks: sizes, how exactly orthogonal they are, how far they turn.
void add_blocks(Rows& rows, const boft::StoredLayer& layer) {
  const Tensor& q = layer.rotations;
  const int64_t m = q.size(0), n = q.size(1), b = q.size(2);
  json entry{{"path", layer.path},
             {"block_size", b},
             {"block_num", n},
             {"factors", m},
             {"parameters", layer.parameters},
             {"degrees_of_freedom", layer.degrees_of_freedom}};
  std::string error = "not finite", angle = "not finite";
  if (all_finite(q)) {
    const double e = boft::orthogonality_error(q);
    const std::vector<double> angles = boft::rotation_angles(q);
    const double degrees = angles.empty() ? 0 : angles.front() * 180 / std::numbers::pi;
    error = short_number(e, 2);
    angle = short_number(degrees) + "°";
    entry["orthogonality_error"] = e;
    rows.orthogonality_error = std::max(rows.orthogonality_error, e);
    entry["largest_angle_degrees"] = degrees;
  }
  rows.table.push_back({printable(layer.path), std::to_string(b), std::to_string(m),
                        std::to_string(n), with_commas(layer.parameters),
                        with_commas(layer.degrees_of_freedom), error, angle});
  rows.list.push_back(entry);
}

void add_sizes(Rows& rows, const boft::StoredLayer& layer) {
  json entry{{"path", layer.path}, {"parameters", layer.parameters}};
  std::vector<std::string> row{printable(layer.path)};
  for (const auto& [name, value] : layer.sizes) {
    entry[name] = value;
    row.push_back(std::to_string(value));
  }
  row.push_back(with_commas(layer.parameters));
  if (layer.degrees_of_freedom > 0) {
    entry["degrees_of_freedom"] = layer.degrees_of_freedom;
    row.push_back(with_commas(layer.degrees_of_freedom));
  }
  rows.table.push_back(row);
  rows.list.push_back(entry);
}

Rows layer_rows(const std::vector<boft::StoredLayer>& layers, bool in_blocks) {
  Rows rows;
  for (const boft::StoredLayer& layer : layers) {
    rows.stored += layer.parameters;
    rows.free += layer.degrees_of_freedom;
  }
  std::vector<std::string> header{"layer"}, total{"total"};
  const auto column = [&](const std::string& name, const std::string& sum = "") {
    header.push_back(name), total.push_back(sum);
  };
  if (in_blocks) {
    for (const char* name : {"b", "m", "N"}) column(name);
  } else {
    for (const auto& size : layers[0].sizes) column(size.name);
  }
  column("parameters", with_commas(rows.stored));
  if (in_blocks || rows.free > 0) column("degrees of freedom", with_commas(rows.free));
  if (in_blocks) column("|QQ'-I|"), column("angle");
  rows.table.push_back(header);
  for (const boft::StoredLayer& layer : layers)
    in_blocks ? add_blocks(rows, layer) : add_sizes(rows, layer);
  rows.table.push_back(total);
  return rows;
}

}  // namespace

Inspection inspect_adapter(const fs::path& folder) {
  const NoGrad no_grad;
  const boft::AdapterFolder adapter = read_adapter(folder);
  const auto& [config, tensors, read_warnings, path, unsupported] = adapter;
  const bool in_blocks = boft::rotates_in_blocks(config);
  const Rows rows = layer_rows(boft::stored_layers(config, tensors, path.string()), in_blocks);

  std::vector<std::string> warnings = read_warnings;
  const std::string no_rotation = boft::orthogonality_warning(config, rows.orthogonality_error);
  if (!no_rotation.empty()) warnings.push_back(no_rotation);
  std::vector<std::string> others;
  for (const auto& [key, tensor] : tensors) {
    if (boft::is_adapter_key(key)) continue;
    others.push_back(key.starts_with(kPrefix) ? key.substr(kPrefix.size()) : key);
  }
  for (const auto& [key, dtype] : unsupported) others.push_back(str(key, " (", dtype, ')'));
  json settings = json::parse(boft::config_text(config));
  std::erase_if(settings.get_ref<json::object_t&>(),
                [](const auto& field) { return field.second.empty(); });
  std::string text = str(printable(folder.string()), ": ", peft_type(config), " adapter of ",
                         rows.list.size(), " layers");
  if (settings.contains("base_model_name_or_path"))
    text += " for " + printable(settings["base_model_name_or_path"].get<std::string>());
  text += '\n';
  for (const auto& [key, value] : boft::config_fields(config)) {
    if (key != "base_model_name_or_path") text += str(key, ": ", printable(value), '\n');
  }
  if (!others.empty()) text += "also holds: " + printable_list(others) + '\n';
  const std::vector<std::string> classes = read_class_names(folder);
  if (!classes.empty()) text += "classes: " + printable_list(classes) + '\n';
  for (const std::string& warning : warnings) text += "note: " + printable(warning) + '\n';

  json result{{"kind", "adapter"},   {"path", folder.string()}, {"config", settings},
              {"layers", rows.list}, {"also", others},          {"parameters", rows.stored},
              {"classes", classes},  {"notes", warnings}};
  if (in_blocks || rows.free > 0) result["degrees_of_freedom"] = rows.free;
  return {text + '\n' + table(rows.table), std::make_shared<json>(std::move(result))};
}

}  // namespace papilio::cli
