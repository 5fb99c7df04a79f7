#include "nn/models/vit_checkpoint.h"

#include <nlohmann/json.hpp>

#include "tensor/atomic_file.h"
#include "tensor/json.h"
#include "tensor/safetensors.h"

namespace papilio::nn {

using nlohmann::json;

namespace {

std::vector<std::string> read_class_names(JsonFields& fields) {
  const json& labels = fields.value("id2label");
  if (labels.is_null()) return {};
  if (!labels.is_object()) fields.fail("id2label", "an object of names by number");
  std::vector<std::string> names(labels.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = labels.find(std::to_string(i));
    if (found == labels.end() || !found->is_string())
      fields.fail("id2label", "names for 0, 1, 2, ...");
    names[i] = found->get<std::string>();
  }
  return names;
}

}  // namespace

ViTDescription read_vit_config(const std::filesystem::path& path) {
  const json document = read_json(path);
  JsonFields fields(document, path.string());
  if (fields.string("model_type", "") != "vit") fields.fail("model_type", "\"vit\"");
  if (fields.string("hidden_act", "gelu") != "gelu") fields.fail("hidden_act", "\"gelu\"");
  if (fields.number("attention_probs_dropout_prob", 0) != 0) {
    fields.fail("attention_probs_dropout_prob", "0 (not supported otherwise)");
  }
  ViTDescription d;
  ViTConfig& c = d.config;
  c.image_size = fields.integer("image_size", c.image_size, 1);
  c.patch_size = fields.integer("patch_size", c.patch_size, 1);
  c.num_channels = fields.integer("num_channels", c.num_channels, 1);
  c.hidden_size = fields.integer("hidden_size", c.hidden_size, 1);
  c.num_hidden_layers = fields.integer("num_hidden_layers", c.num_hidden_layers, 0);
  c.num_attention_heads = fields.integer("num_attention_heads", c.num_attention_heads, 1);
  c.intermediate_size = fields.integer("intermediate_size", c.intermediate_size, 1);
  c.hidden_dropout_prob = fields.number("hidden_dropout_prob", c.hidden_dropout_prob);
  c.drop_path_rate = fields.number("drop_path_rate", c.drop_path_rate);
  c.layer_norm_eps = fields.number("layer_norm_eps", c.layer_norm_eps);
  c.initializer_range = fields.number("initializer_range", c.initializer_range);
  c.qkv_bias = fields.boolean("qkv_bias", c.qkv_bias);
  const std::string pooling = fields.string("pooling", "cls");
  if (pooling != "cls" && pooling != "mean") fields.fail("pooling", "\"cls\" or \"mean\"");
  c.pooling = pooling == "cls" ? Pooling::class_token : Pooling::mean;
  d.class_names = read_class_names(fields);
  c.num_labels =
      fields.integer("num_labels", d.class_names.empty() ? 2 : int64_t(d.class_names.size()), 1);
  c.validate();
  return d;
}

LoadedViT load_vit(const std::filesystem::path& folder) {
  const ViTDescription description = read_vit_config(folder / "config.json");
  const SafetensorsFile file = load_safetensors(folder / "model.safetensors");
  auto model = std::make_unique<ViTForImageClassification>(description.config);
  try {
    load_state_dict(*model, file.tensors);
  } catch (const ArgumentError& e) {
    throw FileError((folder / "model.safetensors").string() + ": " + e.what());
  }
  return {std::move(model), description.class_names};
}

void save_vit(ViTForImageClassification& model, const std::vector<std::string>& class_names,
              const std::filesystem::path& folder) {
  for (const auto& [name, tensor] : named_parameters(model)) {
    check(
        name.find(".adapters.") == std::string::npos,
        "save_vit: the model carries adapters; save them as an adapter, or merge_and_unload first");
  }
  const ViTConfig& c = model.config();
  check(int64_t(class_names.size()) == c.num_labels, "save_vit: expected ", c.num_labels,
        " class names, got ", class_names.size());
  json id2label = json::object(), label2id = json::object();
  for (size_t i = 0; i < class_names.size(); ++i) {
    id2label[std::to_string(i)] = class_names[i];
    label2id[class_names[i]] = i;
  }
  const json document{{"architectures", {"ViTForImageClassification"}},
                      {"model_type", "vit"},
                      {"hidden_act", "gelu"},
                      {"image_size", c.image_size},
                      {"patch_size", c.patch_size},
                      {"num_channels", c.num_channels},
                      {"hidden_size", c.hidden_size},
                      {"num_hidden_layers", c.num_hidden_layers},
                      {"num_attention_heads", c.num_attention_heads},
                      {"intermediate_size", c.intermediate_size},
                      {"hidden_dropout_prob", c.hidden_dropout_prob},
                      {"drop_path_rate", c.drop_path_rate},
                      {"layer_norm_eps", c.layer_norm_eps},
                      {"initializer_range", c.initializer_range},
                      {"qkv_bias", c.qkv_bias},
                      {"pooling", c.pooling == Pooling::class_token ? "cls" : "mean"},
                      {"num_labels", c.num_labels},
                      {"id2label", id2label},
                      {"label2id", label2id}};
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  check<FileError>(!error, "save_vit: cannot make the folder ", folder.string(), ": ",
                   error.message());
  save_safetensors(folder / "model.safetensors", state_dict(model), {{"format", "pt"}});
  write_file_atomically(folder / "config.json", document.dump(2) + '\n');
}

}  // namespace papilio::nn
