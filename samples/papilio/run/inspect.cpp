#include "samples/papilio/run/inspect.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <vector>

#include "boft/files/adapter_folder.h"
#include "nn/init.h"
#include "nn/models/pretrained.h"
#include "nn/summary.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/run/model.h"
#include "samples/papilio/run/table.h"
#include "tensor/files/safetensors.h"

namespace papilio::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (int64_t n : shape) text += str(text.empty() ? "" : ", ", n);
  return '[' + text + ']';
}

int64_t elements(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (int64_t s : shape) n *= s;
  return n;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + printable(name);
  return text;
}

}  // namespace

Report inspect_safetensors(const fs::path& file) {
  const SafetensorsReader reader(file);
  std::vector<std::vector<std::string>> rows{{"tensor", "dtype", "shape", "elements"}};
  json tensors = json::array();
  int64_t all = 0;
  uint64_t bytes = 0;
  for (const auto& [name, entry] : reader.entries()) {
    const int64_t n = elements(entry.shape);
    all += n;
    bytes += entry.end - entry.begin;
    rows.push_back(
        {printable(name), std::string(entry.type->name), shape_text(entry.shape), with_commas(n)});
    tensors.push_back({{"name", name},
                       {"dtype", entry.type->name},
                       {"shape", entry.shape},
                       {"bytes", entry.end - entry.begin}});
  }
  rows.push_back({"total", "", "", with_commas(all)});
  std::string foreign;
  for (const auto& [name, entry] : reader.entries())
    if (foreign.empty()) foreign = boft::foreign_format(name);
  std::string text = str(printable(file.string()), ": ", reader.entries().size(), " tensors, ",
                         with_commas(int64_t(bytes)), " bytes\n");
  for (const auto& [key, value] : reader.metadata())
    text += "metadata " + printable(key) + ": " + printable(value) + '\n';
  if (!foreign.empty()) text += "note: " + printable(foreign) + '\n';
  return {text + '\n' + table(rows, 3),
          std::make_shared<json>(json{{"kind", "safetensors"},
                                      {"path", file.string()},
                                      {"tensors", tensors},
                                      {"elements", all},
                                      {"notes", foreign.empty() ? json::array() : json{foreign}},
                                      {"metadata", reader.metadata()}})};
}

Report inspect_model(const fs::path& folder) {
  const LoadedModel loaded = load_model(folder);
  nn::ImageClassifier& model = *loaded.model;
  const nn::ImageClassifier::Shape c = model.shape();
  const std::string size = str(c.image_size, 'x', c.image_size);
  std::string text =
      str(printable(folder.string()), ": vision transformer for images of ", size, " pixels with ",
          c.num_channels, c.num_channels == 1 ? " channel" : " channels", ", ",
          loaded.class_names.size(), " classes\n", c.num_hidden_layers, " layers, width ",
          c.hidden_size, ", ", c.num_attention_heads, " heads, MLP ", c.intermediate_size,
          ", patches of ", c.patch_size, 'x', c.patch_size, ", ",
          c.prefix_tokens == 0 ? "no class token" : "class token", '\n');
  if (loaded.class_names.size() <= 20) text += "classes: " + listed(loaded.class_names) + '\n';
  json modules = json::array();
  const auto macs = nn::multiply_adds(model);
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    modules.push_back({{"path", path}, {"type", module.describe()}});
    if (macs.contains(path)) modules.back()["macs"] = int64_t(macs.at(path));
  });
  return {text + '\n' + nn::summary(model),
          std::make_shared<json>(json{{"kind", "model"},
                                      {"path", folder.string()},
                                      {"classes", loaded.class_names},
                                      {"image_size", c.image_size},
                                      {"patch_size", c.patch_size},
                                      {"num_channels", c.num_channels},
                                      {"hidden_size", c.hidden_size},
                                      {"num_hidden_layers", c.num_hidden_layers},
                                      {"num_attention_heads", c.num_attention_heads},
                                      {"intermediate_size", c.intermediate_size},
                                      {"parameters", nn::count_parameters(model).all},
                                      {"modules", modules}})};
}

}  // namespace papilio::cli
