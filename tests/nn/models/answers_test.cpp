// Models of one output, of several labels a picture, and of numbers (tests/peers/make_models.py):
// what Transformers' pipeline says of a picture.
#include "nn/models/answers.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "autograd/grad_mode.h"
#include "nn/models/pretrained.h"
#include "tensor/files/safetensors.h"
#include "tests/capture_bound.h"
#include "tests/nn/models/golden_models.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

TEST_CASE("answers are those of Transformers' pipeline: a sigmoid of one output or each label") {
  const std::map<std::string, nn::AnswerKind> kinds{{"one_output", nn::AnswerKind::each_class},
                                                    {"several_labels", nn::AnswerKind::each_class},
                                                    {"numbers", nn::AnswerKind::numbers}};
  for (const auto& [name, kind] : kinds) {
    CAPTURE_BOUND(name);
    const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model(name));
    CHECK(loaded.warnings.size() == (name == "one_output" ? 0 : 1));  // of training
    expect_golden_logits(*loaded.model, name, 1);
    CHECK(nn::answer_kind(*loaded.model) == kind);
    const auto golden = load_safetensors(golden_model(name) / "answers.safetensors").tensors;
    const Tensor& scores = golden.at("scores");
    CHECK(scores.size(1) == (name == "one_output" ? 1 : 3));
    const NoGrad no_grad;
    const Tensor logits = (*loaded.model)(golden.at("12x12.images"));
    CHECK(largest_difference(nn::answers(kind, logits), scores) < 1e-5);
    // Written and read, it means the same.
    const TemporaryFolder folder;
    nn::save_pretrained(*loaded.model, loaded.class_names, folder.path());
    const nn::PretrainedClassifier again = nn::from_pretrained(folder.path());
    CHECK(nn::answer_kind(*again.model) == kind);
    CHECK(again.class_names == loaded.class_names);
  }
}

}  // namespace papilio::test
