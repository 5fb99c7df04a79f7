// The fields of each model's config.json, both ways.
#pragma once

#include <map>
#include <string>

#include "nn/models/dinov2.h"
#include "nn/models/vit.h"

namespace papilio {
class JsonFields;  // tensor/json.h
}

namespace papilio::nn {

// Reads what the model computes with; keys that are missing take Transformers' defaults. Throws
// FileError that names the key for wrong types and for settings that would change the computation
// in a way this model does not have.
ViTConfig read_vit_config(JsonFields& fields);
Dinov2Config read_dinov2_config(JsonFields& fields, bool with_registers);

// The same as JSON text by key, with model_type and architectures.
using ConfigFields = std::map<std::string, std::string>;
ConfigFields config_fields(const ViTConfig& config);
ConfigFields config_fields(const Dinov2Config& config);

}  // namespace papilio::nn
