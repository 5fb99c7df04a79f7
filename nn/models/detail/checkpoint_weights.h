// The weights of a model folder in Hugging Face's layout.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "tensor/tensor.h"

namespace papilio::nn {

// What the files of weights are called: <name>.safetensors, or with a variant, "fp16" say,
// <name>.fp16.safetensors and <name>.safetensors.index.fp16.json.
struct WeightsFile {
  std::string name = "model", variant = "";
};

// model.safetensors, or the files that model.safetensors.index.json lists, by the names that stand
// in them; on top of the mapped files. Those of dtypes that Papilio does not have stand in
// `unsupported`, the dtype by name. Throws FileError for a folder that has neither, an index
// that is broken, a file outside the folder, and a tensor that is not where the index says.
std::map<std::string, Tensor> read_checkpoint_weights(
    const std::filesystem::path& folder, std::map<std::string, std::string>& unsupported,
    const WeightsFile& file = {});
// The file in which one of them lies; for another tensor the one that lists all.
std::filesystem::path checkpoint_file_of(const std::filesystem::path& folder,
                                         const std::string& tensor, const WeightsFile& file = {});

}  // namespace papilio::nn
