// timm's models (tests/peers/make_models.py): the same answers here, and files timm reads.
#include "nn/models/timm_vit.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "nn/data/transforms/image_processor_file.h"
#include "nn/models/attention_maps.h"
#include "nn/models/detail/timm_architecture.h"
#include "nn/models/pretrained.h"
#include "nn/module.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/capture_bound.h"
#include "tests/nn/models/golden_models.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

const std::vector<std::pair<std::string, size_t>> kModels{
    {"timm", 3},       {"timm_scale", 1},      {"timm_registers", 2}, {"timm_mean", 2},
    {"timm_clip", 1},  {"timm_plain_mean", 1}, {"timm_changed", 1},   {"timm_distilled", 2},
    {"timm_deit3", 2}, {"timm_siglip", 1},     {"timm_eva", 1},       {"timm_tipsv2", 1}};

json config_of(const fs::path& folder) {
  return json::parse(read_bytes(folder / "config.json"));
}

}  // namespace

TEST_CASE("timm's vision transformers give the same logits here") {
  for (const auto& [name, sizes] : kModels) {
    CAPTURE_BOUND(name);
    const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model(name));
    CHECK(loaded.warnings.empty());
    CHECK(loaded.class_names == std::vector<std::string>{"cat", "dog", "owl"});
    expect_golden_logits(*loaded.model, name, sizes);
  }
}

TEST_CASE("a model of timm's is written back in timm's form") {
  const TemporaryFolder folder;
  for (const auto& [name, sizes] : kModels) {
    CAPTURE_BOUND(name);
    const fs::path out = folder / name;
    const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model(name));
    nn::save_pretrained(*loaded.model, {"a", "b", "c"}, out);
    const auto theirs = load_safetensors(golden_model(name) / "model.safetensors").tensors,
               ours = load_safetensors(out / "model.safetensors").tensors;
    CHECK(ours.size() == theirs.size());
    for (const auto& [key, tensor] : theirs) {
      REQUIRE(ours.contains(key));
      CHECK(ours.at(key).to_vector() == tensor.to_vector());
    }
    const json config = config_of(out), before = config_of(golden_model(name));
    CHECK(config["architecture"] == before["architecture"]);
    CHECK(config["label_names"] == json{"a", "b", "c"});
    CHECK_FALSE(config.contains("id2label"));
    CHECK(config["pretrained_cfg"] == before["pretrained_cfg"]);
    for (const auto& [key, value] : before["model_args"].items()) {
      CAPTURE_BOUND(key);
      CHECK(config["model_args"][key] == value);
    }
    const nn::PretrainedClassifier again = nn::from_pretrained(out);
    CHECK(again.warnings.empty());
    CHECK(again.class_names == std::vector<std::string>{"a", "b", "c"});
    expect_golden_logits(*again.model, name, sizes);
  }
}

TEST_CASE("another number of classes is written to both places where timm looks") {
  const TemporaryFolder folder;
  const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model("timm"));
  loaded.model->reset_classifier(2);
  nn::save_pretrained(*loaded.model, {"a", "b"}, folder.path());
  const json config = config_of(folder.path());
  CHECK(config["num_classes"] == 2);
  CHECK(config["model_args"]["num_classes"] == 2);
  CHECK(config["pretrained_cfg"]["num_classes"] == 2);
  CHECK(nn::from_pretrained(folder.path()).model->shape().num_labels == 2);
}

TEST_CASE("PEFT's adapters on a model of timm's: fused qkv, mlp and head, by timm's names") {
  for (const char* name : {"timm_boft", "timm_oft", "timm_lora"})
    expect_golden_adapter(name, "timm", 8, golden_logits);
}

TEST_CASE("timm's vision transformers are built as timm builds them, or refused by their names") {
  const json rows = json::parse(read_bytes(golden_model("timm_architectures.json")));
  size_t known = 0;
  for (const auto& [key, row] : rows.items()) {
    const std::string& name = key;
    CAPTURE(name);
    nn::TimmViTConfig c;
    try {
      c = nn::timm_architecture(name);
    } catch (const ArgumentError&) {
      continue;
    }
    ++known;
    REQUIRE_FALSE(row.is_null());
    const std::string act = c.act_layer == "quick_gelu"  ? "QuickGELU"
                            : c.act_layer == "gelu_tanh" ? "GELUTanh"
                                                         : "GELU";
    CHECK(json{{"img_size", c.img_size},
               {"patch_size", c.patch_size},
               {"embed_dim", c.embed_dim},
               {"depth", c.depth},
               {"num_heads", c.num_heads},
               {"hidden", c.hidden()},
               {"qkv_bias", c.qkv_bias},
               {"scale", c.init_values != 0},
               {"class_token", c.class_token},
               {"reg_tokens", c.reg_tokens},
               {"no_embed_class", c.no_embed_class},
               {"pre_norm", c.pre_norm},
               {"global_pool", c.global_pool},
               {"fc_norm", c.fc_norm},
               {"act", act},
               {"pool_include_prefix", c.pool_include_prefix},
               {"eps", c.eps},
               {"distilled", c.distilled}} == row);
  }
  // What is refused has a null there.
  CHECK(int64_t(known) ==
        std::ranges::count_if(rows, [](const json& row) { return !row.is_null(); }));
  CHECK(known == 124);
  CHECK_THROWS_WITH(nn::timm_architecture("vit_base_patch16_siglip_224"),
                    "vit_base_patch16_siglip_224: its pooling by attention is not known here");
  CHECK_THROWS_WITH(nn::timm_architecture("vit_giant_patch14_reg1_tipsv2"),
                    "vit_giant_patch14_reg1_tipsv2: its gated MLP is not known here");
  CHECK_THROWS_WITH(nn::timm_architecture("deit_base_patch16_clip_224"),
                    "\"clip\" in deit_base_patch16_clip_224 is not known here");
  CHECK_THROWS_WITH(nn::timm_architecture("vit_dwee_patch16_reg1_gap_256"),
                    "\"dwee\" in vit_dwee_patch16_reg1_gap_256 is not known here");
  CHECK_THROWS_WITH(nn::timm_architecture("resnet50"), "resnet50 is no vit_SIZE_patchN_...");
}

TEST_CASE("timm's config.json: arguments that are not known are refused by name") {
  const TemporaryFolder folder;
  const json good = config_of(golden_model("timm"));
  const fs::path path = folder / "config.json";
  const auto refused = [&](const json& config, const std::string& message) {
    write_bytes(path, config.dump());
    CHECK_THROWS_WITH_AS(nn::from_config(path), (path.string() + ": " + message).c_str(),
                         FileError);
  };
  const auto with_arg = [&](const char* key, const json& value) {
    json config = good;
    config["model_args"][key] = value;
    return config;
  };
  refused(with_arg("qk_norm", true),
          "model_args: qk_norm: expected false (not supported otherwise), got true");
  refused(with_arg("block_fn", "ParallelScalingBlock"),
          "model_args: block_fn: expected none (this argument is not known here), got "
          "\"ParallelScalingBlock\"");
  refused(with_arg("global_pool", "map"),
          "model_args: global_pool: expected \"token\" or \"avg\", got \"map\"");
  refused(with_arg("num_heads", 3), "TimmViTConfig: embed_dim 16 is not a multiple of num_heads 3");
  json config = good;
  config["architecture"] = "vit_relpos_base_patch16_224";
  refused(config,
          "architecture: expected one of timm's vision transformers known here (\"relpos\" in "
          "vit_relpos_base_patch16_224 is not known here), got \"vit_relpos_base_patch16_224\"");
  config = good;
  config["label_names"] = {"cat", "dog"};
  refused(config, "label_names: expected 3 names, as many as classes, got [\"cat\",\"dog\"]");
}

TEST_CASE(
    "attention maps of a model with registers and no class token: the mean of what is received") {
  const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model("timm_mean"));
  nn::eval(*loaded.model);
  CHECK_FALSE(loaded.model->shape().class_token());
  const NoGrad no_grad;
  const Tensor images = randn({1, 2, 12, 12});
  const Tensor last = mean(loaded.model->attention_probabilities(images).back(), {1, 2});
  CHECK(largest_difference(nn::attention_maps(*loaded.model, images).last,
                           reshape(slice(last, 1, 2), {1, 3, 3})) < 1e-6);
}

TEST_CASE("pretrained_cfg is the image processor") {
  const nn::ImageProcessor p = nn::parse_timm_processor(
      R"({"input_size": [3, 224, 224], "interpolation": "bicubic", "crop_pct": 0.9,
          "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]})",
      "pretrained_cfg");
  CHECK(p.shortest_edge == 248);
  CHECK(p.do_center_crop);
  CHECK(p.crop_height == 224);
  CHECK(p.resample == nn::Interpolation::bicubic);
  CHECK(p.image_mean == std::vector<double>{0.1, 0.2, 0.3});
  const nn::ImageProcessor squash = nn::parse_timm_processor(
      R"({"input_size": [1, 12, 12], "crop_mode": "squash", "crop_pct": 1.0})", "pretrained_cfg");
  CHECK(squash.shortest_edge == 0);
  CHECK(squash.height == 12);
  CHECK(squash.image_mean.size() == 1);
  CHECK(squash.image_mean[0] == doctest::Approx((0.485 + 0.456 + 0.406) / 3));
  CHECK_THROWS_WITH_AS(
      nn::parse_timm_processor(R"({"crop_mode": "border"})", "x"),
      "x: crop_mode: expected \"center\" or \"squash\" (not supported otherwise), got \"border\"",
      FileError);
  // So many means and deviations would not fit into any memory.
  CHECK_THROWS_WITH_AS(
      nn::parse_timm_processor(R"({"input_size": [11111111110, 12, 12]})", "x"),
      doctest::Contains("x: input_size: expected [channels, height, width] of 1 or 3 channels"),
      FileError);
}

TEST_CASE("timm's init_values null and 0 are no layer scale, also where the architecture has one") {
  const TemporaryFolder folder;
  for (const char* given : {"null", "0"}) {
    write_bytes(
        folder / "config.json",
        std::string(R"({"architecture": "vit_small_patch14_dinov2", "model_args": {)") +
            R"("img_size": 8, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2, )" +
            R"("num_classes": 2, "init_values": )" + given + "}}");
    const nn::PretrainedClassifier model = nn::from_config(folder / "config.json");
    CHECK_FALSE(nn::state_dict(*model.model).contains("blocks.0.ls1.gamma"));
    nn::save_pretrained(*model.model, {"a", "b"}, folder / "again");
    const nn::PretrainedClassifier again = nn::from_pretrained(folder / "again");
    CHECK(again.model->config_fields() == model.model->config_fields());
  }
}

}  // namespace papilio::test
