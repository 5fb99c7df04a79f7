#include "nn/models/detail/checkpoint_weights.h"

#include <nlohmann/json.hpp>

#include <utility>
#include <vector>

#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/check_name.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/files/safetensors.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// Weights in forms that are not read.
constexpr const char* kPickles[] = {"pytorch_model.bin",
                                    "pytorch_model.bin.index.json",
                                    "model.pt",
                                    "model.pth",
                                    "tf_model.h5",
                                    "flax_model.msgpack",
                                    "diffusion_pytorch_model.bin",
                                    "diffusion_flax_model.msgpack"};

// <name>.safetensors and its index, or with a variant <name>.fp16.safetensors and
// <name>.safetensors.index.fp16.json.
std::string file_of(const WeightsFile& file) {
  return file.name + (file.variant.empty() ? "" : '.' + file.variant) + ".safetensors";
}
std::string index_of(const WeightsFile& file) {
  return file.name + ".safetensors.index" + (file.variant.empty() ? "" : '.' + file.variant) +
         ".json";
}

// The variants whose files are there: "without a variant", "of variant fp16".
std::vector<std::string> variants_in(const fs::path& folder, const std::string& name) {
  std::vector<std::string> variants;
  for (const std::string variant : {"", "fp16", "bf16", "non_ema"}) {
    const WeightsFile file{name, variant};
    if (file_exists(folder / file_of(file)) || file_exists(folder / index_of(file)))
      variants.push_back(variant.empty() ? "without a variant" : "of variant " + variant);
  }
  return variants;
}

std::map<std::string, Tensor> read_shards(const fs::path& folder, const std::string& index_name,
                                          std::map<std::string, std::string>& unsupported) {
  const std::string where = (folder / index_name).string();
  const json index = read_json(folder / index_name);
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
      as_file_error(where, [&] { check_name("weight_map", file); });
      files.emplace(file, folder / file);
    }
    const SafetensorsReader& reader = files.at(file);
    check<FileError>(reader.entries().contains(name), (folder / file).string(), ": has no tensor ",
                     name, ", which ", index_name, " says is there");
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
    const fs::path& folder, std::map<std::string, std::string>& unsupported,
    const WeightsFile& file) {
  const std::string weights = file_of(file), index = index_of(file);
  if (file_exists(folder / weights)) {
    SafetensorsFile read = load_safetensors(folder / weights);
    unsupported = std::move(read.unsupported);
    return std::move(read.tensors);
  }
  if (file_exists(folder / index)) return read_shards(folder, index, unsupported);
  const std::vector<std::string> there = variants_in(folder, file.name);
  check<FileError>(there.empty(), folder.string(), ": holds no ", weights, "; there are weights ",
                   joined(there, " and "));
  for (const char* pickle : kPickles) {
    check<FileError>(!file_exists(folder / pickle), folder.string(), ": its weights are in ",
                     pickle,
                     ", which is not read: a file that can run code when it is opened, or another "
                     "library's; save the model as ",
                     weights, " (save_pretrained writes it)");
  }
  throw FileError(str(folder.string(), ": holds neither ", weights, " nor ", index));
}

fs::path checkpoint_file_of(const fs::path& folder, const std::string& tensor,
                            const WeightsFile& file) {
  if (file_exists(folder / file_of(file))) return folder / file_of(file);
  const json index = read_json(folder / index_of(file));  // read_checkpoint_weights has checked it
  const json& map = index["weight_map"];
  return folder / (map.contains(tensor) ? map[tensor].get<std::string>() : index_of(file));
}

}  // namespace papilio::nn
