// Transformers' DINOv3 (tests/peers/make_models.py) with a classifier on its pooler_output: the
// same answers here.
#include "nn/models/dinov3.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "nn/models/detail/transformers_names.h"
#include "nn/models/pretrained.h"
#include "tensor/copy.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/capture_bound.h"
#include "tests/nn/models/golden_models.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

// The golden backbone with its classifier, which stands in a file of its own.
nn::PretrainedClassifier with_classifier(const std::string& name) {
  nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model(name));
  const std::string where = golden_model(name).string();
  CHECK(loaded.warnings ==
        std::vector<std::string>{
            where + ": the weights hold no classifier: it is new, and knows nothing yet"});
  const auto head = load_safetensors(golden_model(name) / "classifier.safetensors").tensors;
  const NoGrad no_grad;
  copy_(loaded.model->classifier.weight, head.at("classifier.weight"));
  copy_(loaded.model->classifier.bias, head.at("classifier.bias"));
  return loaded;
}

}  // namespace

TEST_CASE("DINOv3 gives the same logits at every size, also when written and read again") {
  const TemporaryFolder folder;
  for (const std::string name : {"dinov3", "dinov3_gated"}) {
    CAPTURE(name);
    const nn::PretrainedClassifier loaded = with_classifier(name);
    expect_golden_logits(*loaded.model, name, 3);
    nn::save_pretrained(*loaded.model, {"a", "b", "c"}, folder / name);
    const nn::PretrainedClassifier again = nn::from_pretrained(folder / name);
    CHECK(again.warnings.empty());
    CHECK(again.model->config_fields() == loaded.model->config_fields());
    expect_golden_logits(*again.model, name, 3);
    const auto ours = load_safetensors(folder / name / "model.safetensors").tensors;
    for (const auto& [key, tensor] :
         load_safetensors(golden_model(name) / "model.safetensors").tensors) {
      CAPTURE_BOUND(key);
      CHECK(ours.contains(key));
    }
  }
}

TEST_CASE("PEFT's adapters on DINOv3Model, under Transformers 5's names") {
  const auto features = [](nn::ImageClassifier& model, const Tensor& images) {
    return model.features(images);
  };
  for (const char* name : {"dinov3_boft", "dinov3_oft", "dinov3_lora"})
    expect_golden_adapter(name, "dinov3", 8, features);
  CHECK(nn::transformers5_name("layer.1.attention.q_proj") == "model.layer.1.attention.q_proj");
  CHECK(nn::checkpoint_name("model.layer.1.mlp.up_proj") == "layer.1.mlp.up_proj");
}

TEST_CASE("in training the patches' coordinates are rescaled at random, in evaluation never") {
  nn::DINOv3Config config{.image_size = 8,
                          .patch_size = 4,
                          .num_channels = 1,
                          .hidden_size = 16,
                          .intermediate_size = 8,
                          .num_hidden_layers = 1,
                          .num_attention_heads = 2};
  for (const bool rescales : {true, false}) {
    config.pos_embed_rescale = rescales ? std::optional<double>(4) : std::nullopt;
    nn::DINOv3ForImageClassification model(config);
    // At its start a class token hardly looks at positions.
    for (const auto& [name, parameter] : nn::named_parameters(model))
      if (name.starts_with("layer.0.attention")) copy_(*parameter, randn(parameter->shape()));
    const NoGrad no_grad;
    const Tensor images = randn({1, 1, 8, 8});
    const auto differ = [&] {
      return largest_difference(model.features(images), model.features(images)) > 0;
    };
    CHECK(differ() == rescales);
    nn::eval(model);
    CHECK_FALSE(differ());
  }
}

TEST_CASE("a head that cannot be cut into two dimensions of pairs is refused") {
  CHECK_THROWS_WITH_AS(
      nn::DINOv3ForImageClassification({.hidden_size = 12, .num_attention_heads = 2}),
      "DINOv3Config: the heads' width, 6, is not a multiple of 4", ArgumentError);
}

}  // namespace papilio::test
