// The layers that finetune adapts if nobody names any, of every model.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "boft/model/plan.h"
#include "nn/models/detail/model_table.h"
#include "nn/models/pretrained.h"
#include "nn/models/vit.h"
#include "samples/papilio/options/default_targets.h"
#include "samples/papilio/options/method_options.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

const Names kAttention{"attention.attention.query", "attention.attention.key",
                       "attention.attention.value", "attention.output.dense"};
const Names kAttention3{"attention.q_proj", "attention.k_proj", "attention.v_proj",
                        "attention.o_proj"};

Names operator+(Names a, const Names& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Case {
  std::string folder, model_type, list;
  Names inside;           // in each layer: all of its linear maps
  std::string said = {};  // in run.toml
};

// Every layer's modules, sorted.
std::set<std::string> each(const Case& c, int64_t layers) {
  std::set<std::string> paths;
  for (int64_t i = 0; i < layers; ++i)
    for (const std::string& name : c.inside)
      paths.insert(c.list + '.' + std::to_string(i) + '.' + name);
  return paths;
}

}  // namespace

TEST_CASE("default targets: all linear maps of a model's layers and nothing else, of every model") {
  const TemporaryFolder at;
  nn::ViTForImageClassification cct({.image_size = 8,
                                     .patch_size = 2,
                                     .num_channels = 1,
                                     .hidden_size = 16,
                                     .num_hidden_layers = 2,
                                     .num_attention_heads = 2,
                                     .intermediate_size = 32,
                                     .num_labels = 3,
                                     .pooling = nn::Pooling::sequence,
                                     .conv_layers = 1});
  nn::save_pretrained(cct, {"a", "b", "c"}, at / "cct");
  const std::string golden = (fs::path(source_root) / "tests/golden/").string();
  const std::string usual = "query,key,value,intermediate.dense,output.dense";
  const Names dense{"intermediate.dense", "output.dense"}, fc{"mlp.fc1", "mlp.fc2"},
      timm{"attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"};
  const std::string timm_said = "attn.qkv,attn.proj,mlp.fc1,mlp.fc2";
  const std::vector<Case> cases{
      {golden + "transformers/vit", "vit", "vit.encoder.layer", kAttention + dense, usual},
      {(at / "cct").string(), "papilio_vit", "vit.encoder.layer", kAttention + dense, usual},
      {golden + "models/deit", "deit", "deit.encoder.layer", kAttention + dense, usual},
      {golden + "models/deit_teacher", "deit", "deit.encoder.layer", kAttention + dense, usual},
      {golden + "transformers/dinov2", "dinov2", "dinov2.encoder.layer", kAttention + fc,
       "query,key,value,output.dense,mlp.fc1,mlp.fc2"},
      {golden + "transformers/dinov2_swiglu", "dinov2", "dinov2.encoder.layer",
       kAttention + Names{"mlp.weights_in", "mlp.weights_out"},
       "query,key,value,output.dense,mlp.weights_in,mlp.weights_out"},
      {golden + "transformers/dinov2_with_registers", "dinov2_with_registers",
       "dinov2_with_registers.encoder.layer", kAttention + fc,
       "query,key,value,output.dense,mlp.fc1,mlp.fc2"},
      {golden + "models/dinov3", "dinov3_vit", "layer",
       kAttention3 + Names{"mlp.up_proj", "mlp.down_proj"},
       "attention.q_proj,attention.k_proj,attention.v_proj,attention.o_proj,mlp.up_proj,"
       "mlp.down_proj"},
      {golden + "models/dinov3_gated", "dinov3_vit", "layer",
       kAttention3 + Names{"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"},
       "attention.q_proj,attention.k_proj,attention.v_proj,attention.o_proj,mlp.gate_proj,"
       "mlp.up_proj,mlp.down_proj"},
      {golden + "models/timm", "timm_vit", "blocks", timm, timm_said},
      {golden + "models/timm_registers", "timm_vit", "blocks", timm, timm_said},
      {golden + "models/timm_clip", "timm_vit", "blocks", timm, timm_said},
      {golden + "models/timm_mean", "timm_vit", "blocks", timm, timm_said}};
  for (const Case& c : cases) {
    CAPTURE(c.folder);
    const auto loaded = nn::from_pretrained(c.folder);
    const cli::MethodSettings settings;
    const std::string said = cli::default_targets(*loaded.model, settings.target_modules);
    CHECK(said == c.said);
    const auto plan = boft::plan_adapter(
        *loaded.model, boft::LoraConfig{.r = 1, .target_modules = cli::split_names(said)});
    CHECK(plan.warnings.empty());
    std::set<std::string> adapted;
    for (const auto& layer : plan.layers) adapted.insert(layer.path);
    CHECK(adapted == each(c, loaded.model->shape().num_hidden_layers));
    // The only list that lies at a model's top, where layers_to_transform wants it by name.
    CHECK(cli::lists_at_the_top(*loaded.model) == (c.list == "blocks" ? Names{"blocks"} : Names{}));
  }
  for (const nn::ModelType& row : nn::model_table()) {
    if (!std::holds_alternative<nn::MakeModel<nn::ImageClassifier>>(row.make)) continue;
    const std::string type(row.model_type);
    CHECK_MESSAGE(std::ranges::count(cases, type, &Case::model_type) > 0, type);
  }
}

}  // namespace papilio::test
