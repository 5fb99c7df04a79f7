#include <nlohmann/json.hpp>
#include <numbers>

#include "autograd/anomaly.h"
#include "autograd/grad_mode.h"
#include "boft/config_json.h"
#include "boft/energy.h"
#include "boft/ops/cayley.h"
#include "samples/cli/common.h"
#include "samples/cli/inspect.h"
#include "samples/cli/model.h"
#include "samples/cli/table.h"
#include "tensor/copy.h"
#include "tensor/safetensors.h"

namespace papilio::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::string_view kPrefix = "base_model.model.";

// The layer of a key that ends like this, or nothing.
std::string layer_of(std::string_view key, std::string_view suffix) {
  if (!key.starts_with(kPrefix) || !key.ends_with(suffix)) return "";
  key.remove_prefix(kPrefix.size());
  return key.size() > suffix.size() ? std::string(key.substr(0, key.size() - suffix.size())) : "";
}

struct Rows {
  std::vector<std::vector<std::string>> table;
  json list = json::array();
  int64_t stored = 0, free = 0;  // parameters in the file; true degrees of freedom
};

// What R says at one layer: sizes, how exactly orthogonal the rotations are, how far they turn.
void add_boft_layer(Rows& rows, const std::string& path, const Tensor& r, int64_t outputs,
                    const std::string& where) {
  check<FileError>(r.dim() == 4 && r.size(2) == r.size(3) && is_floating(r.dtype()), where, ": ",
                   path, ".boft_R: expected numbers of shape [m, N, b, b], got ", r.shape());
  const int64_t m = r.size(0), n = r.size(1), b = r.size(2);
  const int64_t stored = r.numel() + outputs, free = m * n * b * (b - 1) / 2 + outputs;
  rows.stored += stored;
  rows.free += free;
  json entry{{"path", path}, {"block_size", b},      {"block_num", n},
             {"factors", m}, {"parameters", stored}, {"degrees_of_freedom", free}};
  std::string error = "not finite", angle = "not finite";
  if (all_finite(r)) {
    const Tensor q = cayley(copy_of(r, DType::float32));
    const double e = boft::orthogonality_error(q);
    const std::vector<double> angles = boft::rotation_angles(q);
    const double degrees = angles.empty() ? 0 : angles.front() * 180 / std::numbers::pi;
    error = short_number(e, 2);
    angle = short_number(degrees) + "°";
    entry["orthogonality_error"] = e;
    entry["largest_angle_degrees"] = degrees;
  }
  rows.table.push_back({printable(path), std::to_string(b), std::to_string(m), std::to_string(n),
                        with_commas(stored), with_commas(free), error, angle});
  rows.list.push_back(entry);
}

Rows boft_layers(const SafetensorsReader& reader, const std::string& where) {
  Rows rows{{{"layer", "b", "m", "N", "parameters", "degrees of freedom", "|QQ'-I|", "angle"}}};
  for (const auto& [key, entry] : reader.entries()) {
    const std::string path = layer_of(key, ".boft_R");
    if (path.empty()) continue;
    const std::string scale = str(kPrefix, path, ".boft_s");
    const int64_t outputs =
        reader.entries().contains(scale) ? reader.tensor(scale).numel() : int64_t(0);
    add_boft_layer(rows, path, reader.tensor(key), outputs, where);
  }
  rows.table.push_back(
      {"total", "", "", "", with_commas(rows.stored), with_commas(rows.free), "", ""});
  return rows;
}

Rows lora_layers(const SafetensorsReader& reader, const std::string& where) {
  Rows rows{{{"layer", "r", "in", "out", "parameters"}}};
  for (const auto& [key, entry] : reader.entries()) {
    const std::string path = layer_of(key, ".lora_A.weight");
    if (path.empty()) continue;
    const auto b = reader.entries().find(str(kPrefix, path, ".lora_B.weight"));
    check<FileError>(b != reader.entries().end(), where, ": ", path, " has lora_A and no lora_B");
    const std::vector<int64_t>&down = entry.shape, &up = b->second.shape;
    check<FileError>(down.size() >= 2 && up.size() >= 2, where, ": ", path,
                     ": expected matrices as lora_A and lora_B");
    const int64_t stored = reader.tensor(key).numel() + reader.tensor(b->first).numel();
    rows.stored += stored;
    rows.table.push_back({printable(path), std::to_string(down[0]), std::to_string(down[1]),
                          std::to_string(up[0]), with_commas(stored)});
    rows.list.push_back(
        {{"path", path}, {"r", down[0]}, {"in", down[1]}, {"out", up[0]}, {"parameters", stored}});
  }
  rows.table.push_back({"total", "", "", "", with_commas(rows.stored)});
  return rows;
}

}  // namespace

Report inspect_adapter(const fs::path& folder) {
  const NoGrad no_grad;
  const auto [config, warnings] = boft::read_config(folder / "adapter_config.json");
  const fs::path file = folder / "adapter_model.safetensors";
  const SafetensorsReader reader(file);
  const bool boft = std::holds_alternative<boft::BoftConfig>(config);
  const Rows rows = boft ? boft_layers(reader, file.string()) : lora_layers(reader, file.string());
  check<FileError>(!rows.list.empty(), file.string(), ": holds no ", peft_type(config),
                   " parameters (", boft ? "boft_R" : "lora_A", ')');

  json others = json::array();
  std::string also;
  for (const auto& [key, entry] : reader.entries()) {
    if (key.find(".boft_") != key.npos || key.find(".lora_") != key.npos) continue;
    const std::string name = key.starts_with(kPrefix) ? key.substr(kPrefix.size()) : key;
    also += (also.empty() ? "" : ", ") + printable(name);
    others.push_back(name);
  }
  json settings = json::parse(boft::config_text(config));
  std::erase_if(settings.get_ref<json::object_t&>(),
                [](const auto& field) { return field.second.is_null(); });
  std::string text = str(printable(folder.string()), ": ", peft_type(config), " adapter of ",
                         rows.list.size(), " layers");
  if (settings.contains("base_model_name_or_path"))
    text += " for " + printable(settings["base_model_name_or_path"].get<std::string>());
  text += '\n';
  for (const char* key : {"target_modules", "exclude_modules", "layers_to_transform", "bias",
                          "modules_to_save", "boft_dropout", "lora_alpha", "lora_dropout"}) {
    if (settings.contains(key)) text += str(key, ": ", printable(settings[key].dump()), '\n');
  }
  if (!also.empty()) text += "also holds: " + also + '\n';
  const std::vector<std::string> classes = read_class_names(folder);
  if (!classes.empty()) {
    std::string names;
    for (const std::string& name : classes) names += (names.empty() ? "" : ", ") + printable(name);
    text += "classes: " + names + '\n';
  }
  for (const std::string& warning : warnings) text += "note: " + printable(warning) + '\n';

  json result{{"kind", "adapter"},   {"path", folder.string()}, {"config", settings},
              {"layers", rows.list}, {"also", others},          {"parameters", rows.stored},
              {"classes", classes},  {"notes", warnings}};
  if (boft) result["degrees_of_freedom"] = rows.free;
  return {text + '\n' + table(rows.table), std::make_shared<json>(std::move(result))};
}

}  // namespace papilio::cli
