#include "samples/papilio/inspect/inspect_safetensors.h"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "boft/files/adapter_folder.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"
#include "tensor/files/safetensors.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  return '[' + joined(shape, ", ") + ']';
}

int64_t elements(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (int64_t s : shape) n *= s;
  return n;
}

}  // namespace

Inspection inspect_safetensors(const fs::path& file) {
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

}  // namespace papilio::cli
