// Reading a config.json: what all models' have in common, and the fields of a pipeline's parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/init.h"
#include "nn/models/detail/load_weights.h"
#include "nn/models/detail/vision_config.h"
#include "nn/models/pretrained_model.h"
#include "tensor/error.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

// Throws FileError unless _class_name is `name`, which may have "Flax" before it.
void expect_class(JsonFields& fields, const std::string& name);

// A setting that is not to be had: the only value, as JSON, that is computed.
struct FixedField {
  const char* key;
  std::string_view value;
};
// Throws FileError that names the first field that says anything else; a key that is missing says
// nothing.
void expect_fixed(JsonFields& fields, std::span<const FixedField> fixed);

// An entry for each of `count` blocks: one number for all, or a list of that length. Numbers from 1
// on.
std::vector<int64_t> read_per_block(JsonFields& fields, const char* key,
                                    const std::vector<int64_t>& otherwise, size_t count);
// A list, or `otherwise` if the key is missing. read_sizes: of numbers from 1 on.
std::vector<int64_t> read_channels(JsonFields& fields, const char* key,
                                   const std::vector<int64_t>& otherwise);
std::vector<std::string> read_names(JsonFields& fields, const char* key,
                                    const std::vector<std::string>& otherwise);
// One number, or a list of two equal ones.
int64_t read_side(JsonFields& fields, const char* key, int64_t otherwise);
// An activation function that is SiLU under one of its names.
void expect_silu(JsonFields& fields, const char* key);

// The way back of read_per_block: one number if all are equal.
nlohmann::json one_or_all(const std::vector<int64_t>& values);

// Notes what `document` says beside the model's own fields, for writing back; keys that nobody read
// give a warning.
void keep_other_fields(PretrainedModel& model, const nlohmann::json& document, JsonFields& fields,
                       std::vector<std::string>& warnings);

// The model that folder/config.json describes, with the folder's weights.
template <class Model, class Config>
std::unique_ptr<Model> load_folder_model(const std::filesystem::path& folder,
                                         Config (*read)(JsonFields&),
                                         std::vector<std::string>& warnings,
                                         const std::string& variant) {
  const std::filesystem::path path = folder / "config.json";
  const nlohmann::json document = read_json(path);
  JsonFields fields(document, path.string());
  const Config config = read(fields);
  // Sizes may not go together, or be beyond all memory.
  std::unique_ptr<Model> model = as_file_error<Error>(path.string(), [&] {
    const SkipInit skip;
    return std::make_unique<Model>(config);
  });
  keep_other_fields(*model, document, fields, warnings);
  for (std::string& warning : load_weights(*model, folder, variant))
    warnings.push_back(std::move(warning));
  return model;
}

}  // namespace papilio::nn
