// timm's config.json: architecture, model_args, pretrained_cfg, label_names.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/detail/text_table.h"
#include "nn/models/detail/timm_architecture.h"
#include "nn/models/detail/vision_config.h"
#include "nn/models/image_classifier.h"
#include "nn/models/pretrained_model.h"
#include "nn/models/timm_vit.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

using nlohmann::json;

namespace {

// Older files have its fields at the top.
JsonFields pretrained_cfg(JsonFields& fields) {
  return fields.value("pretrained_cfg").is_null() ? fields : fields.object("pretrained_cfg");
}

// Arguments that change the computation in a way the model does not have, and the values that do
// not.
void refuse_others(JsonFields& args) {
  if (args.string("pos_embed", "learn") != "learn") args.fail("pos_embed", "\"learn\"");
  if (!args.boolean("final_norm", true)) args.fail("final_norm", "true (not supported otherwise)");
  if (!args.boolean("proj_bias", true)) args.fail("proj_bias", "true (not supported otherwise)");
  for (const char* key : {"qk_norm", "scale_attn_norm", "scale_mlp_norm"}) {
    if (args.boolean(key, false)) args.fail(key, "false (not supported otherwise)");
  }
  if (args.number("patch_drop_rate", 0) != 0) args.fail("patch_drop_rate", "0");
  // Images of any size are taken as they are; weights are the file's.
  for (const char* key : {"dynamic_img_size", "strict_img_size", "weight_init", "fix_init"})
    args.value(key);
  if (args.boolean("dynamic_img_pad", false)) args.fail("dynamic_img_pad", "false");
  for (const std::string& key : args.unread())
    args.fail(key.c_str(), "none (this argument is not known here)");
}

void read_act_layer(JsonFields& args, TimmViTConfig& c) {
  c.act_layer = args.string("act_layer", c.act_layer);
  for (const char* known : {"gelu", "gelu_tanh", "quick_gelu", "relu", "silu"}) {
    if (c.act_layer == known) return;
  }
  args.fail("act_layer", "\"gelu\", \"gelu_tanh\", \"quick_gelu\", \"relu\" or \"silu\"");
}

void read_model_args(JsonFields& args, TimmViTConfig& c) {
  c.img_size = read_square_size(args, "img_size", c.img_size);
  c.patch_size = read_square_size(args, "patch_size", c.patch_size);
  c.in_chans = args.integer("in_chans", c.in_chans, 1);
  c.num_classes = args.integer("num_classes", c.num_classes, 0);
  c.embed_dim = args.integer("embed_dim", c.embed_dim, 1);
  c.depth = args.integer("depth", c.depth, 0, 1000);
  c.num_heads = args.integer("num_heads", c.num_heads, 1);
  c.mlp_ratio = args.number("mlp_ratio", c.mlp_ratio);
  c.qkv_bias = args.boolean("qkv_bias", c.qkv_bias);
  // Null is timm's "none", whatever the architecture has.
  const bool none = args.has("init_values") && args.value("init_values").is_null();
  c.init_values = none ? 0 : args.number("init_values", c.init_values);
  c.class_token = args.boolean("class_token", c.class_token);
  c.reg_tokens = args.integer("reg_tokens", c.reg_tokens, 0, 1000);
  c.no_embed_class = args.boolean("no_embed_class", c.no_embed_class);
  c.pre_norm = args.boolean("pre_norm", c.pre_norm);
  c.pool_include_prefix = args.boolean("pool_include_prefix", c.pool_include_prefix);
  // The norm's place follows the pooling if neither name nor arguments say it.
  const std::string pool = args.string("global_pool", c.global_pool);
  if (pool != "token" && pool != "avg") args.fail("global_pool", "\"token\" or \"avg\"");
  const bool follows = pool != c.global_pool;
  c.fc_norm = args.boolean("fc_norm", follows ? pool == "avg" : c.fc_norm);
  c.global_pool = pool;
  read_act_layer(args, c);
  c.drop_rate = args.number("drop_rate", c.drop_rate);
  c.pos_drop_rate = args.number("pos_drop_rate", c.pos_drop_rate);
  c.proj_drop_rate = args.number("proj_drop_rate", c.proj_drop_rate);
  c.attn_drop_rate = args.number("attn_drop_rate", c.attn_drop_rate);
  c.drop_path_rate = args.number("drop_path_rate", c.drop_path_rate);
  refuse_others(args);
}

}  // namespace

std::unique_ptr<ImageClassifier> make_timm_vit(JsonFields& fields) {
  TimmViTConfig c;
  try {
    c = timm_architecture(fields.string("architecture", ""));
  } catch (const ArgumentError& e) {
    fields.fail("architecture",
                str("one of timm's vision transformers known here (", e.what(), ")").c_str());
  }
  JsonFields pretrained = pretrained_cfg(fields);
  const std::vector<int64_t> input = pretrained.integers("input_size");
  if (!input.empty()) {
    if (input.size() != 3 || input[1] != input[2] || input[0] < 1 || input[1] < 1)
      pretrained.fail("input_size", "[channels, height, width] of a square image");
    c.in_chans = input[0];
    c.img_size = input[1];
  }
  c.num_classes =
      fields.integer("num_classes", pretrained.integer("num_classes", c.num_classes), 0);
  JsonFields args = fields.object("model_args");
  // Older files say the pooling at the top alone; the norm stays where the name puts it.
  if (fields.value("model_args").is_null()) {
    const std::string pool = fields.string("global_pool", c.global_pool);
    if (pool != "token" && pool != "avg") fields.fail("global_pool", "\"token\" or \"avg\"");
    c.global_pool = pool;
  }
  read_model_args(args, c);
  if (c.num_classes == 0) c.num_classes = 2;  // a backbone: its classifier is new
  for (const char* key : {"num_features", "global_pool", "label_names", "label_descriptions"})
    fields.value(key);
  return std::make_unique<TimmViT>(c);
}

std::vector<std::string> timm_class_names(JsonFields& fields, int64_t num_labels,
                                          std::vector<std::string>& /*warnings*/) {
  const char* key = "label_names";
  JsonFields pretrained = pretrained_cfg(fields);
  JsonFields& where = fields.value(key).is_null() ? pretrained : fields;
  const json& names = where.value(key);
  std::vector<std::string> result;
  for (int64_t i = 0; i < int64_t(names.size()); ++i) {
    const json* name = nullptr;
    if (names.is_array()) {
      name = &names[size_t(i)];
    } else if (names.is_object() && names.contains(std::to_string(i))) {
      name = &names[std::to_string(i)];
    }
    if (name == nullptr || !name->is_string()) where.fail(key, "a name for each class");
    result.push_back(name->get<std::string>());
  }
  if (!result.empty() && int64_t(result.size()) != num_labels)
    where.fail(key, str(num_labels, " names, as many as classes").c_str());
  return result;
}

ConfigFields TimmViT::config_fields() const {
  const TimmViTConfig& c = config;
  const json args = {{"img_size", {c.img_size, c.img_size}},
                     {"patch_size", c.patch_size},
                     {"in_chans", c.in_chans},
                     {"num_classes", c.num_classes},
                     {"embed_dim", c.embed_dim},
                     {"depth", c.depth},
                     {"num_heads", c.num_heads},
                     {"mlp_ratio", c.mlp_ratio},
                     {"qkv_bias", c.qkv_bias},
                     {"init_values", c.init_values == 0 ? json() : json(c.init_values)},
                     {"class_token", c.class_token},
                     {"reg_tokens", c.reg_tokens},
                     {"no_embed_class", c.no_embed_class},
                     {"pre_norm", c.pre_norm},
                     {"global_pool", c.global_pool},
                     {"fc_norm", c.fc_norm},
                     {"pool_include_prefix", c.pool_include_prefix},
                     {"act_layer", c.act_layer},
                     {"drop_rate", c.drop_rate},
                     {"pos_drop_rate", c.pos_drop_rate},
                     {"proj_drop_rate", c.proj_drop_rate},
                     {"attn_drop_rate", c.attn_drop_rate},
                     {"drop_path_rate", c.drop_path_rate}};
  return nn::config_fields({{"architecture", c.architecture},
                            {"num_features", c.embed_dim},
                            {"global_pool", c.global_pool},
                            {"num_classes", c.num_classes},
                            {"model_args", args}});
}

ConfigFields TimmViT::label_fields(const std::vector<std::string>& class_names) const {
  json document = {{"num_classes", class_names.size()}, {"label_names", class_names}};
  if (const auto cfg = other_config.find("pretrained_cfg"); cfg != other_config.end()) {
    json& pretrained = document["pretrained_cfg"] = parse_json(cfg->second, "pretrained_cfg");
    pretrained["num_classes"] = class_names.size();
    for (const char* old : {"label_names", "label_descriptions"}) pretrained.erase(old);
  }
  return nn::config_fields(document);
}

}  // namespace papilio::nn
