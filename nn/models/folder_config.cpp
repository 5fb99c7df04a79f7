#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "nn/detail/text_table.h"
#include "nn/models/detail/folder_config.h"
#include "tensor/text.h"

namespace papilio::nn {

using nlohmann::json;

void expect_class(JsonFields& fields, const std::string& name) {
  std::string found = fields.string("_class_name", name);
  if (found.starts_with("Flax")) found.erase(0, 4);
  if (found != name) fields.fail("_class_name", str('"', name, '"').c_str());
}

void expect_fixed(JsonFields& fields, std::span<const FixedField> fixed) {
  for (const auto& [key, text] : fixed) {
    const json wanted = json::parse(text);
    const json& found = fields.value(key);
    if (!fields.has(key) || found == wanted) continue;
    // A number is the same as a whole one, and an absent choice the same as null.
    if (found.is_null()) continue;
    fields.fail(key, str(text, " (nothing else is supported)").c_str());
  }
}

std::vector<int64_t> read_channels(JsonFields& fields, const char* key,
                                   const std::vector<int64_t>& otherwise) {
  std::vector<int64_t> values = fields.integers(key);
  if (values.empty()) return otherwise;
  if (std::ranges::any_of(values, [](int64_t v) { return v < 1; }))
    fields.fail(key, "numbers of at least 1");
  return values;
}

std::vector<int64_t> read_per_block(JsonFields& fields, const char* key,
                                    const std::vector<int64_t>& otherwise, size_t count) {
  const std::vector<int64_t> values = read_channels(fields, key, otherwise);
  if (fields.value(key).is_array() && values.size() != count)
    fields.fail(key, str("a number, or a list of ", count, ", one for each block").c_str());
  return values.size() == count ? values : std::vector<int64_t>(count, values.front());
}

std::vector<std::string> read_names(JsonFields& fields, const char* key,
                                    const std::vector<std::string>& otherwise) {
  const std::vector<std::string> names = fields.strings(key);
  return names.empty() ? otherwise : names;
}

int64_t read_side(JsonFields& fields, const char* key, int64_t otherwise) {
  const std::vector<int64_t> sides = read_channels(fields, key, {otherwise});
  if (sides.size() > 2 || sides.front() != sides.back())
    fields.fail(key, "a number, or two equal ones");
  return sides.front();
}

void expect_silu(JsonFields& fields, const char* key) {
  const std::string name = fields.string(key, "silu");
  if (name != "silu" && name != "swish") fields.fail(key, "\"silu\" (nothing else is supported)");
}

json one_or_all(const std::vector<int64_t>& values) {
  const bool equal = std::ranges::all_of(values, [&](int64_t v) { return v == values.front(); });
  return !values.empty() && equal ? json(values.front()) : json(values);
}

namespace {

// Keys that change nothing that a model computes.
const std::set<std::string> kSilent = {
    "architectures", "model_type", "transformers_version", "dtype", "torch_dtype", "label2id",
    "finetuning_task", "output_attentions", "output_hidden_states", "return_dict", "use_cache",
    "name_or_path",
    // of other heads on the same backbone
    "encoder_stride", "pooler_act", "pooler_output_size", "apply_layernorm",
    "reshape_hidden_states", "stage_names", "out_features", "out_indices",
    // of language models
    "quantization_config", "bos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id",
    "n_ctx", "task_specific_params", "summary_activation", "summary_first_dropout",
    "summary_proj_to_labels", "summary_type", "summary_use_proj"};

}  // namespace

void keep_other_fields(PretrainedModel& model, const json& document, JsonFields& fields,
                       std::vector<std::string>& warnings) {
  std::vector<std::string> unknown;
  for (const std::string& key : fields.unread())
    if (!key.starts_with('_') && !kSilent.contains(key)) unknown.push_back(key);
  if (!unknown.empty())
    warnings.push_back(fields.where() + ": not known here: " + listed(unknown, 8));
  if (fields.has("quantization_config")) {
    JsonFields how = fields.object("quantization_config");
    if (how.string("quant_method", "bitsandbytes") != "bitsandbytes")
      how.fail("quant_method", "bitsandbytes, whose codes alone are read");
    how.strings("llm_int8_skip_modules");
  }
  const ConfigFields own = model.config_fields();
  for (const auto& [key, value] : document.items()) {
    const bool labels = key == "id2label" || key == "label2id" || key == "num_labels";
    if (!own.contains(key) && !labels) model.other_config[key] = value.dump();
  }
}

}  // namespace papilio::nn
