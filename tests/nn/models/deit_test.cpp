// Transformers' DeiT (tests/peers/make_models.py): the same answers here.
#include "nn/models/deit.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "nn/models/detail/transformers_names.h"
#include "nn/models/pretrained.h"
#include "tensor/files/safetensors.h"
#include "tests/capture_bound.h"
#include "tests/nn/models/golden_models.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

TEST_CASE("DeiT, with one head and with two averaged, gives the same logits, also when written") {
  const TemporaryFolder folder;
  for (const std::string name : {"deit", "deit_teacher"}) {
    CAPTURE(name);
    const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model(name));
    CHECK(loaded.warnings.empty());
    expect_golden_logits(*loaded.model, name, 3);
    CHECK(loaded.model->heads().size() == (name == "deit" ? 1 : 2));
    nn::save_pretrained(*loaded.model, {"a", "b", "c"}, folder / name);
    const nn::PretrainedClassifier again = nn::from_pretrained(folder / name);
    CHECK(again.warnings.empty());
    CHECK(again.model->config_fields() == loaded.model->config_fields());
    expect_golden_logits(*again.model, name, 3);
    const auto theirs = load_safetensors(golden_model(name) / "model.safetensors").tensors,
               ours = load_safetensors(folder / name / "model.safetensors").tensors;
    CHECK(ours.size() == theirs.size());
    for (const auto& [key, tensor] : theirs) {
      CAPTURE_BOUND(key);
      CHECK(ours.contains(key));
    }
  }
}

TEST_CASE("PEFT's adapters on DeiT, under Transformers 5's names, with every head that it has") {
  for (const char* name : {"deit_boft", "deit_oft", "deit_lora"})
    expect_golden_adapter(name, "deit", 8, golden_logits);
  expect_golden_adapter("deit_teacher_boft", "deit_teacher", 8, golden_logits);
  CHECK(nn::transformers5_name("deit.encoder.layer.1.output.dense") == "deit.layers.1.mlp.fc2");
  CHECK(nn::checkpoint_name("deit.layers.1.attention.q_proj") ==
        "deit.encoder.layer.1.attention.attention.query");
}

TEST_CASE("other classes are other heads, all of them") {
  const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model("deit_teacher"));
  loaded.model->reset_classifier(5);
  CHECK(loaded.model->shape().num_labels == 5);
  for (const auto& head : loaded.model->heads()) CHECK(head.layer->weight.shape() == Dims{5, 16});
}

}  // namespace papilio::test
