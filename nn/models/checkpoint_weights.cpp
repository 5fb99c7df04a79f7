#include "nn/models/detail/checkpoint_weights.h"

#include <nlohmann/json.hpp>

#include <system_error>
#include <utility>

#include "tensor/files/detail/check_name.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/safetensors.h"

namespace papilio::nn {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
// Weights in forms that are not read.
constexpr const char* kPickles[] = {"pytorch_model.bin", "pytorch_model.bin.index.json",
                                    "model.pt",          "model.pth",
                                    "tf_model.h5",       "flax_model.msgpack"};

std::map<std::string, Tensor> read_shards(const fs::path& folder,
                                          std::map<std::string, std::string>& unsupported) {
  const std::string where = (folder / kIndex).string();
  const json index = read_json(folder / kIndex);
  const json map = index.is_object() ? index.value("weight_map", json()) : json();
  check<FileError>(map.is_object() && !map.empty(), where,
                   ": weight_map: expected an object of file names by tensor");
  std::map<std::string, SafetensorsReader> files;
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, value] : map.items()) {
    check<FileError>(value.is_string(), where, ": weight_map: ", name,
                     ": expected a file's name, got ", value.dump());
    const auto file = value.get<std::string>();
    if (!files.contains(file)) {
      try {
        check_name("weight_map", file);
      } catch (const ArgumentError& e) {
        throw FileError(where + ": " + e.what());
      }
      files.emplace(file, folder / file);
    }
    const SafetensorsReader& reader = files.at(file);
    check<FileError>(reader.entries().contains(name), (folder / file).string(), ": has no tensor ",
                     name, ", which ", kIndex, " says is there");
    const SafetensorsType& type = *reader.entries().at(name).type;
    if (type.dtype)
      tensors[name] = reader.tensor(name);
    else
      unsupported.emplace(name, type.name);
  }
  return tensors;
}

}  // namespace

std::map<std::string, Tensor> read_checkpoint_weights(
    const fs::path& folder, std::map<std::string, std::string>& unsupported) {
  std::error_code ignored;
  if (fs::exists(folder / kWeights, ignored)) {
    SafetensorsFile file = load_safetensors(folder / kWeights);
    unsupported = std::move(file.unsupported);
    return std::move(file.tensors);
  }
  for (const char* pickle : kPickles) {
    check<FileError>(!fs::exists(folder / pickle, ignored) || fs::exists(folder / kIndex, ignored),
                     folder.string(), ": its weights are in ", pickle,
                     ", which is not read: a file that can run code when it is opened, or another "
                     "library's; save the model as ",
                     kWeights, " (save_pretrained writes it)");
  }
  check<FileError>(fs::exists(folder / kIndex, ignored), folder.string(), ": holds neither ",
                   kWeights, " nor ", kIndex);
  return read_shards(folder, unsupported);
}

}  // namespace papilio::nn
