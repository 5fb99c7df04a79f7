#include "samples/papilio/run/inspect_adapter.h"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "autograd/anomaly.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/shape.h"
#include "boft/files/adapter_folder.h"
#include "boft/files/config_json.h"
#include "boft/geometry/angles.h"
#include "boft/methods/oft.h"
#include "boft/ops/cayley.h"
#include "boft/ops/cayley_neumann.h"
#include "boft/ops/skew_symmetric.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/run/model.h"
#include "samples/papilio/run/table.h"
#include "tensor/copy.h"

namespace papilio::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::string_view kPrefix = boft::kKeyPrefix;

// The layer of a key that ends like this, or nothing.
std::string layer_of(std::string_view key, std::string_view suffix) {
  if (!key.starts_with(kPrefix) || !key.ends_with(suffix)) return "";
  key.remove_prefix(kPrefix.size());
  return key.size() > suffix.size() ? std::string(key.substr(0, key.size() - suffix.size())) : "";
}

bool is_adapter_parameter(const std::string& key) {
  return key.find(".boft_") != key.npos || key.find(".oft_") != key.npos ||
         key.find(".lora_") != key.npos;
}

struct Rows {
  std::vector<std::vector<std::string>> table;
  json list = json::array();
  int64_t stored = 0, free = 0;  // parameters in the file; true degrees of freedom
};

// What the rotations of one layer say: sizes, how exactly orthogonal they are, how far they turn.
void add_rotations(Rows& rows, const std::string& path, const Tensor& q, int64_t stored,
                   int64_t free) {
  const int64_t m = q.size(0), n = q.size(1), b = q.size(2);
  rows.stored += stored;
  rows.free += free;
  json entry{{"path", path}, {"block_size", b},      {"block_num", n},
             {"factors", m}, {"parameters", stored}, {"degrees_of_freedom", free}};
  std::string error = "not finite", angle = "not finite";
  if (all_finite(q)) {
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

Rows rotation_rows() {
  return {{{"layer", "b", "m", "N", "parameters", "degrees of freedom", "|QQ'-I|", "angle"}}};
}

void add_total(Rows& rows) {
  rows.table.push_back(
      {"total", "", "", "", with_commas(rows.stored), with_commas(rows.free), "", ""});
}

Rows boft_layers(const boft::Tensors& tensors, const std::string& where) {
  Rows rows = rotation_rows();
  for (const auto& [key, r] : tensors) {
    const std::string path = layer_of(key, ".boft_R");
    if (path.empty()) continue;
    check<FileError>(r.dim() == 4 && r.size(2) == r.size(3) && is_floating(r.dtype()), where, ": ",
                     path, ".boft_R: expected numbers of shape [m, N, b, b], got ", r.shape());
    const auto scale = tensors.find(str(kPrefix, path, ".boft_s"));
    const int64_t outputs = scale == tensors.end() ? 0 : scale->second.numel();
    const int64_t b = r.size(2), blocks = r.size(0) * r.size(1);
    add_rotations(rows, path, cayley(copy_of(r, DType::float32)), r.numel() + outputs,
                  blocks * b * (b - 1) / 2 + outputs);
  }
  add_total(rows);
  return rows;
}

// A shared block counts once.
Rows oft_layers(const boft::Tensors& tensors, const boft::OftConfig& config,
                const std::string& where) {
  Rows rows = rotation_rows();
  for (const auto& [key, upper] : tensors) {
    std::string path = layer_of(key, ".oft_R.weight");
    if (path.empty()) path = layer_of(key, ".oft_embedding_R.weight");
    if (path.empty()) continue;
    const int64_t b = upper.dim() == 2 ? boft::block_size_of_triangle(upper.size(1)) : 0;
    check<FileError>(b > 0 && is_floating(upper.dtype()), where, ": ", key,
                     ": expected numbers of shape [N, b (b - 1) / 2], got ", upper.shape());
    const Tensor own = copy_of(upper, DType::float32);
    if (config.coft) boft::clip_blocks(own, config.eps);
    const Tensor a = skew_symmetric(own, b);
    const Tensor q =
        config.use_cayley_neumann ? cayley_neumann(a, config.num_cayley_neumann_terms) : cayley(a);
    add_rotations(rows, path, reshape(q, {1, upper.size(0), b, b}), upper.numel(), upper.numel());
  }
  add_total(rows);
  return rows;
}

Rows lora_layers(const boft::Tensors& tensors, const std::string& where) {
  Rows rows{{{"layer", "r", "in", "out", "parameters"}}};
  for (const auto& [key, a] : tensors) {
    const std::string path = layer_of(key, ".lora_A.weight");
    if (path.empty()) continue;
    const auto b = tensors.find(str(kPrefix, path, ".lora_B.weight"));
    check<FileError>(b != tensors.end(), where, ": ", path, " has lora_A and no lora_B");
    const Dims down = a.shape(), up = b->second.shape();
    check<FileError>(down.size() >= 2 && up.size() >= 2, where, ": ", path,
                     ": expected matrices as lora_A and lora_B");
    const int64_t stored = a.numel() + b->second.numel();
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

Inspection inspect_adapter(const fs::path& folder) {
  const NoGrad no_grad;
  const boft::AdapterFolder adapter = boft::read_adapter_folder(folder);
  const auto& [config, tensors, warnings, path] = adapter;
  const std::string where = path.string();
  const bool rotates = !std::holds_alternative<boft::LoraConfig>(config);
  const auto* oft = std::get_if<boft::OftConfig>(&config);
  const Rows rows = oft       ? oft_layers(tensors, *oft, where)
                    : rotates ? boft_layers(tensors, where)
                              : lora_layers(tensors, where);
  check<FileError>(!rows.list.empty(), where, ": holds no ", peft_type(config), " parameters (",
                   oft       ? "oft_R"
                   : rotates ? "boft_R"
                             : "lora_A",
                   ')');

  std::vector<std::string> others;
  for (const auto& [key, tensor] : tensors) {
    if (is_adapter_parameter(key)) continue;
    others.push_back(key.starts_with(kPrefix) ? key.substr(kPrefix.size()) : key);
  }
  json settings = json::parse(boft::config_text(config));
  std::erase_if(settings.get_ref<json::object_t&>(),
                [](const auto& field) { return field.second.is_null(); });
  std::string text = str(printable(folder.string()), ": ", peft_type(config), " adapter of ",
                         rows.list.size(), " layers");
  if (settings.contains("base_model_name_or_path"))
    text += " for " + printable(settings["base_model_name_or_path"].get<std::string>());
  text += '\n';
  for (const char* key :
       {"target_modules", "exclude_modules", "layers_to_transform", "bias", "modules_to_save",
        "boft_dropout", "coft", "eps", "block_share", "module_dropout", "use_cayley_neumann",
        "num_cayley_neumann_terms", "lora_alpha", "lora_dropout"}) {
    if (settings.contains(key)) text += str(key, ": ", printable(settings[key].dump()), '\n');
  }
  if (!others.empty()) text += "also holds: " + printable_list(others) + '\n';
  const std::vector<std::string> classes = read_class_names(folder);
  if (!classes.empty()) text += "classes: " + printable_list(classes) + '\n';
  for (const std::string& warning : warnings) text += "note: " + printable(warning) + '\n';

  json result{{"kind", "adapter"},   {"path", folder.string()}, {"config", settings},
              {"layers", rows.list}, {"also", others},          {"parameters", rows.stored},
              {"classes", classes},  {"notes", warnings}};
  if (rotates) result["degrees_of_freedom"] = rows.free;
  return {text + '\n' + table(rows.table), std::make_shared<json>(std::move(result))};
}

}  // namespace papilio::cli
