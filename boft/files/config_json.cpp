#include "boft/files/config_json.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <variant>

#include "tensor/error.h"
#include "tensor/files/detail/json.h"

namespace papilio::boft {

using nlohmann::json;

namespace {

// The PEFT release whose file format this is.
constexpr const char* kPeftVersion = "0.21.2";

ModuleNames module_names(JsonFields& fields, const char* key) {
  const json& v = fields.value(key);
  if (v.is_null()) return {};
  if (v.is_string()) return v.get<std::string>();
  if (!v.is_array()) fields.fail(key, "a string or a list of strings");
  return fields.strings(key);
}

// PEFT allows one string where a list is meant.
std::vector<std::string> one_or_more(JsonFields& fields, const char* key) {
  if (const json& v = fields.value(key); v.is_string()) {
    return v.get<std::string>().empty() ? std::vector<std::string>{}
                                        : std::vector{v.get<std::string>()};
  }
  return fields.strings(key);
}

template <class Config>
void read_shared(JsonFields& fields, Config& c) {
  c.target_modules = module_names(fields, "target_modules");
  c.exclude_modules = module_names(fields, "exclude_modules");
  c.fan_in_fan_out = fields.boolean("fan_in_fan_out", c.fan_in_fan_out);
  c.bias = fields.string("bias", c.bias);
  c.modules_to_save = fields.strings("modules_to_save");
  c.layers_to_transform = fields.integers("layers_to_transform");
  c.layers_pattern = one_or_more(fields, "layers_pattern");
  c.task_type = fields.string("task_type", "");
  c.base_model_name_or_path = fields.string("base_model_name_or_path", "");
  c.revision = fields.string("revision", "");
  if (const json& mapping = fields.value("auto_mapping"); !mapping.is_null())
    c.auto_mapping = mapping.dump();
  // Facts about the file; they say nothing about the adapter.
  for (const char* key : {"peft_type", "peft_version", "inference_mode"}) fields.value(key);
}

BoftConfig read_boft(JsonFields& fields) {
  BoftConfig c;
  c.boft_block_size = fields.integer("boft_block_size", c.boft_block_size, 0);
  c.boft_block_num = fields.integer("boft_block_num", c.boft_block_num, 0);
  c.boft_n_butterfly_factor =
      fields.integer("boft_n_butterfly_factor", c.boft_n_butterfly_factor, 1);
  c.boft_dropout = fields.number("boft_dropout", c.boft_dropout);
  c.init_weights = fields.boolean("init_weights", c.init_weights);
  read_shared(fields, c);
  return c;
}

// peft_version >= 0.18? Earlier releases did not write it.
bool since_0_18(JsonFields& fields) {
  std::pair<int, int> version{0, 0};
  std::sscanf(fields.string("peft_version", "").c_str(), "%d.%d", &version.first, &version.second);
  return version >= std::pair{0, 18};
}

OftConfig read_oft(JsonFields& fields, const std::string& where,
                   std::vector<std::string>& warnings) {
  check<FileError>(
      !fields.value("oft_block_size").is_null(), where,
      ": no oft_block_size: an OFT adapter from before PEFT 0.14, whose parameters mean "
      "something else; train it again, or merge it with PEFT 0.13 and use the result");
  OftConfig c;
  c.r = fields.integer("r", c.r, 0);
  c.oft_block_size = fields.integer("oft_block_size", c.oft_block_size, 0);
  c.module_dropout = fields.number("module_dropout", c.module_dropout);
  c.coft = fields.boolean("coft", c.coft);
  c.eps = fields.number("eps", c.eps);
  c.block_share = fields.boolean("block_share", c.block_share);
  if (fields.value("use_cayley_neumann").is_null() && !since_0_18(fields)) {
    c.use_cayley_neumann = false;
    warnings.push_back(str(where,
                           ": no use_cayley_neumann: read as the exact Cayley transform, the only "
                           "one that releases of PEFT without this key had"));
  }
  c.use_cayley_neumann = fields.boolean("use_cayley_neumann", c.use_cayley_neumann);
  c.num_cayley_neumann_terms =
      fields.integer("num_cayley_neumann_terms", c.num_cayley_neumann_terms, 1);
  c.init_weights = fields.boolean("init_weights", c.init_weights);
  read_shared(fields, c);
  if (c.use_cayley_neumann && !since_0_18(fields)) {
    warnings.push_back(
        str(where,
            ": written by a PEFT before 0.18, whose Cayley-Neumann series was another one; the "
            "rotations differ slightly from those trained"));
  }
  return c;
}

LoraConfig read_lora(JsonFields& fields) {
  LoraConfig c;
  c.r = fields.integer("r", c.r, 1);
  c.lora_alpha = fields.number("lora_alpha", c.lora_alpha);
  c.lora_dropout = fields.number("lora_dropout", c.lora_dropout);
  const json& init = fields.value("init_lora_weights");
  if (init.is_string()) {
    // Ways to draw A that training has left behind by the time a file is read; all others (pissa,
    // olora, corda, loftq ...) change the base weights too, which PEFT does again when it loads.
    const std::string way = init.get<std::string>();
    if (way != "gaussian" && way != "orthogonal" && way != "eva" && way != "mica")
      fields.fail("init_lora_weights",
                  "true, false, \"gaussian\", \"orthogonal\", \"eva\" or \"mica\" (others change "
                  "the base weights)");
  } else {
    c.init_lora_weights = fields.boolean("init_lora_weights", c.init_lora_weights);
  }
  read_shared(fields, c);
  for (const char* key : {"use_dora", "use_rslora", "use_qalora", "lora_bias"}) {
    if (fields.boolean(key, false)) fields.fail(key, "false (not supported)");
  }
  // What would make another model of it.
  for (const char* key :
       {"rank_pattern", "alpha_pattern", "layer_replication", "alora_invocation_tokens",
        "target_parameters", "trainable_token_indices", "use_bdlora", "arrow_config", "kasa_config",
        "monteclora_config", "velora_config"}) {
    const json& v = fields.value(key);
    if (!v.is_null() && !v.empty() && v != json(false)) fields.fail(key, "null (not supported)");
  }
  // Of options that are off, of ways to begin, and of how PEFT runs.
  for (const char* key :
       {"megatron_core", "megatron_config", "qalora_group_size", "eva_config", "corda_config",
        "loftq_config", "lora_ga_config", "runtime_config", "ensure_weight_tying"})
    fields.value(key);
  return c;
}

json names_json(const ModuleNames& names) {
  switch (names.kind()) {
    case ModuleNames::Kind::none:
      return nullptr;
    case ModuleNames::Kind::pattern:
      return names.pattern();
    case ModuleNames::Kind::list:
      return names.names();
  }
  return nullptr;
}

template <class List>
json list_or_null(const List& list) {
  return list.empty() ? json(nullptr) : json(list);
}

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

template <class Config>
json shared_json(const Config& c) {
  return {{"auto_mapping", c.auto_mapping.empty() ? json(nullptr) : json::parse(c.auto_mapping)},
          {"base_model_name_or_path", text_or_null(c.base_model_name_or_path)},
          {"bias", c.bias},
          {"exclude_modules", names_json(c.exclude_modules)},
          {"fan_in_fan_out", c.fan_in_fan_out},
          {"inference_mode", true},
          {"layers_pattern", list_or_null(c.layers_pattern)},
          {"layers_to_transform", list_or_null(c.layers_to_transform)},
          {"modules_to_save", list_or_null(c.modules_to_save)},
          {"peft_version", kPeftVersion},
          {"revision", text_or_null(c.revision)},
          {"target_modules", names_json(c.target_modules)},
          {"task_type", text_or_null(c.task_type)}};
}

json to_json(const BoftConfig& c) {
  json j = shared_json(c);
  j["peft_type"] = "BOFT";
  j["boft_block_size"] = c.boft_block_size;
  j["boft_block_num"] = c.boft_block_num;
  j["boft_n_butterfly_factor"] = c.boft_n_butterfly_factor;
  j["boft_dropout"] = c.boft_dropout;
  j["init_weights"] = c.init_weights;
  return j;
}

json to_json(const OftConfig& c) {
  json j = shared_json(c);
  j["peft_type"] = "OFT";
  j["r"] = c.r;
  j["oft_block_size"] = c.oft_block_size;
  j["module_dropout"] = c.module_dropout;
  j["coft"] = c.coft;
  j["eps"] = c.eps;
  j["block_share"] = c.block_share;
  j["use_cayley_neumann"] = c.use_cayley_neumann;
  j["num_cayley_neumann_terms"] = c.num_cayley_neumann_terms;
  j["init_weights"] = c.init_weights;
  return j;
}

json to_json(const LoraConfig& c) {
  json j = shared_json(c);
  j["peft_type"] = "LORA";
  j["r"] = c.r;
  j["lora_alpha"] = c.lora_alpha;
  j["lora_dropout"] = c.lora_dropout;
  j["init_lora_weights"] = c.init_lora_weights;
  return j;
}

LoadedConfig from_json(const json& document, const std::string& where) {
  JsonFields fields(document, where);
  const std::string type = fields.string("peft_type", "");
  LoadedConfig loaded;
  if (type == "BOFT") {
    loaded.config = read_boft(fields);
  } else if (type == "OFT") {
    loaded.config = read_oft(fields, where, loaded.warnings);
  } else if (type == "LORA") {
    loaded.config = read_lora(fields);
  } else {
    fields.fail("peft_type", "\"BOFT\", \"OFT\" or \"LORA\"");
  }
  std::visit([](const auto& c) { c.validate(); }, loaded.config);
  for (const std::string& key : fields.unread()) {
    loaded.warnings.push_back(str(where, ": unknown key \"", key, "\" is ignored"));
  }
  return loaded;
}

}  // namespace

LoadedConfig parse_config(std::string_view text, const std::string& where) {
  return from_json(parse_json(text, where), where);
}

LoadedConfig read_config(const std::filesystem::path& path) {
  return from_json(read_json(path), path.string());
}

std::string config_text(const AdapterConfig& config) {
  try {
    return std::visit([](const auto& c) { return to_json(c).dump(2) + '\n'; }, config);
  } catch (const json::exception&) {
    throw ArgumentError("adapter_config.json: expected names in UTF-8, got other bytes");
  }
}

}  // namespace papilio::boft
