// The same model in timm's form and in Transformers', either way, beside what the real ones answer.
#include "nn/models/timm_convert.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "nn/models/deit.h"
#include "nn/models/dinov2.h"
#include "nn/models/pretrained.h"
#include "nn/models/vit.h"
#include "nn/module.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/capture_bound.h"
#include "tests/nn/models/golden_models.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

nn::TimmViT& timm_of(const nn::PretrainedClassifier& loaded) {
  return dynamic_cast<nn::TimmViT&>(*loaded.model);
}

// By way of a folder.
nn::PretrainedClassifier written(nn::ImageClassifier& model) {
  const TemporaryFolder folder;
  nn::save_pretrained(model, {"cat", "dog", "owl"}, folder.path());
  nn::PretrainedClassifier again = nn::from_pretrained(folder.path());
  CHECK(again.warnings.empty());
  return again;
}

// The answers at 12x12, the models' own size.
void expect_own_answers(nn::ImageClassifier& model, const std::string& name, double tolerance) {
  const NoGrad no_grad;
  nn::eval(model);
  const auto answers = load_safetensors(golden_model(name) / "answers.safetensors").tensors;
  CHECK(largest_difference(model(answers.at("12x12.images")), answers.at("12x12.logits")) <
        tolerance);
}

void expect_same_weights(nn::ImageClassifier& a, nn::ImageClassifier& b) {
  const nn::StateDict before = nn::state_dict(a), after = nn::state_dict(b);
  CHECK(before.size() == after.size());
  for (const auto& [key, tensor] : before) {
    CAPTURE_BOUND(key);
    REQUIRE(after.contains(key));
    CHECK(after.at(key).to_vector() == tensor.to_vector());
  }
}

}  // namespace

TEST_CASE("timm's models in Transformers' form give timm's answers, and come back as they were") {
  for (const auto& [name, type] :
       std::map<std::string, std::string>{{"timm", "vit"},
                                          {"timm_scale", "dinov2"},
                                          {"timm_registers", "dinov2_with_registers"},
                                          {"timm_distilled", "deit"},
                                          {"timm_deit3", "dinov2"},
                                          {"timm_tipsv2", "dinov2_with_registers"}}) {
    CAPTURE_BOUND(name);
    const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model(name));
    nn::TimmViT& timm = timm_of(loaded);
    const nn::PretrainedClassifier there = written(*nn::to_transformers(timm));
    CHECK(there.model->shape().model_type == type);
    expect_own_answers(*there.model, name, 1e-5);
    const auto back = nn::to_timm(*there.model);
    expect_own_answers(*written(*back).model, name, 1e-5);
    // A DeiT III's class token gets the position that it had in DINOv2: none.
    if (name == "timm_deit3") continue;
    expect_same_weights(timm, *back);
    CHECK(back->config.hidden() == timm.config.hidden());
    CHECK(back->config.act_layer == timm.config.act_layer);
  }
}

TEST_CASE("Transformers' DeiTs in timm's form give Transformers' answers, and come back") {
  for (const std::string name : {"deit", "deit_teacher"}) {
    CAPTURE(name);
    const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model(name));
    const nn::PretrainedClassifier there = written(*nn::to_timm(*loaded.model));
    CHECK(timm_of(there).config.distilled == (name == "deit_teacher"));
    CHECK(timm_of(there).config.prefix_tokens() == 2);
    // timm's eps is 1e-6, Transformers' 1e-12.
    expect_own_answers(*there.model, name, 1e-4);
    const auto back = nn::to_transformers(timm_of(there));
    CHECK(back->describe() == loaded.model->describe());
    expect_same_weights(*loaded.model, *back);
  }
}

TEST_CASE("a DINOv2 whose classifier reads the class token alone goes to timm, others do not") {
  const auto folder = std::filesystem::path(source_root) / "tests/golden/transformers";
  for (const std::string name : {"dinov2", "dinov2_with_registers"}) {
    CAPTURE(name);
    const nn::PretrainedClassifier loaded = nn::from_pretrained(folder / name);
    CHECK_THROWS_WITH_AS(nn::to_timm(*loaded.model),
                         "to_timm: its classifier reads the mean of the patches beside the class "
                         "token, which that of timm's DINOv2 does not",
                         ArgumentError);
    const NoGrad no_grad;
    const Tensor& w = loaded.model->classifier.weight;
    copy_(slice(w, 1, w.size(1) / 2), zeros({w.size(0), w.size(1) / 2}));
    nn::eval(*loaded.model);
    const auto answers = load_safetensors(folder / name / "answers.safetensors").tensors;
    const Tensor& images = answers.at("12x12.images");
    const Tensor want = (*loaded.model)(images);
    const nn::PretrainedClassifier there = written(*nn::to_timm(*loaded.model));
    nn::eval(*there.model);
    CHECK(largest_difference((*there.model)(images), want) < 1e-5);
    // What timm itself says of the class token: Transformers' own.
    const Tensor token = answers.at("12x12.cls");
    CHECK(largest_difference(there.model->features(images), token) < 1e-5);
  }
}

TEST_CASE("a backbone's new classifier is no obstacle to timm's form") {
  const auto golden = std::filesystem::path(source_root) / "tests/golden/transformers/dinov2";
  const TemporaryFolder folder;
  std::filesystem::copy(golden / "config.json", folder / "config.json");
  nn::StateDict tensors = load_safetensors(golden / "model.safetensors").tensors;
  std::erase_if(tensors, [](const auto& t) { return t.first.starts_with("classifier."); });
  save_safetensors(folder / "model.safetensors", tensors);
  const nn::PretrainedClassifier loaded = nn::from_pretrained(folder.path());
  CHECK(loaded.model->new_head);
  const auto timm = nn::to_timm(*loaded.model);
  nn::eval(*timm);
  const NoGrad no_grad;
  const auto answers = load_safetensors(golden / "answers.safetensors").tensors;
  CHECK(largest_difference(timm->features(answers.at("12x12.images")), answers.at("12x12.cls")) <
        1e-5);
}

TEST_CASE("what the other form does not have is named") {
  const auto refused = [](const char* name, const char* says) {
    const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model(name));
    CHECK_THROWS_WITH_AS(nn::to_transformers(timm_of(loaded)), says, ArgumentError);
  };
  refused("timm_clip", "to_transformers: Transformers' ViT does not have a norm before the blocks");
  refused("timm_eva", "to_transformers: Transformers' ViT does not have mean pooling");
  refused("timm_mean", "to_transformers: Transformers' DINOv2 does not have mean pooling");
  const nn::PretrainedClassifier dinov3 = nn::from_pretrained(golden_model("dinov3"));
  CHECK_THROWS_WITH_AS(nn::to_timm(*dinov3.model),
                       "to_timm: expected a ViT, DeiT or DINOv2 of Transformers', got a "
                       "DINOv3ForImageClassification",
                       ArgumentError);
}

}  // namespace papilio::test
