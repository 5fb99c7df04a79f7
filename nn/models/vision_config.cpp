#include "nn/models/detail/vision_config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace papilio::nn {

using nlohmann::json;

int64_t read_square_size(JsonFields& fields, const char* key, int64_t otherwise) {
  const std::vector<int64_t> sizes = fields.integers(key);
  if (sizes.empty()) return otherwise;
  if (sizes.size() > 2 || sizes.front() != sizes.back() || sizes.front() < 1)
    fields.fail(key, "one whole number >= 1, or two equal ones (square images and patches)");
  return sizes.front();
}

std::string read_hidden_act(JsonFields& fields) {
  const std::string name = fields.string("hidden_act", "gelu");
  try {
    hidden_act(name);
  } catch (const ArgumentError&) {
    fields.fail("hidden_act", ("one of " + hidden_act_names()).c_str());
  }
  return name;
}

int64_t read_num_labels(JsonFields& fields) {
  const json& names = fields.value("id2label");
  return fields.integer("num_labels", names.empty() ? 2 : int64_t(names.size()), 1);
}

void refuse_unsupported(JsonFields& fields, int64_t hidden_size, int64_t heads) {
  const int64_t head = hidden_size / heads;
  if (fields.integer("head_dim", head) != head)
    fields.fail("head_dim", "hidden_size / num_attention_heads (not supported otherwise)");
  if (!fields.value("pruned_heads").empty())
    fields.fail("pruned_heads", "none (not supported otherwise)");
}

ConfigFields config_fields(const json& object) {
  ConfigFields fields;
  for (const auto& [key, value] : object.items()) fields[key] = value.dump();
  return fields;
}

}  // namespace papilio::nn
