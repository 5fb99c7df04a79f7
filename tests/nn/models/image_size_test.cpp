// Models made for images of another size, against what their libraries answer to such images.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/models/pretrained.h"
#include "tensor/files/safetensors.h"
#include "tests/capture_bound.h"
#include "tests/nn/models/golden_models.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

nn::PretrainedClassifier golden_folder(const std::string& path) {
  nn::PretrainedClassifier loaded =
      nn::from_pretrained(std::filesystem::path(source_root) / "tests/golden" / path);
  if (path == "models/dinov3") {  // its classifier stands in a file of its own
    const auto head = load_safetensors(golden_model("dinov3") / "classifier.safetensors").tensors;
    nn::load_state_dict(loaded.model->classifier, {{"weight", head.at("classifier.weight")},
                                                   {"bias", head.at("classifier.bias")}});
  }
  nn::eval(*loaded.model);
  return loaded;
}

}  // namespace

TEST_CASE("a model of another image size answers as Transformers and timm do, read again too") {
  const auto answers =
      load_safetensors(std::filesystem::path(source_root) / "tests/golden/image_size.safetensors")
          .tensors;
  const TemporaryFolder folder;
  const NoGrad no_grad;
  for (const auto& [room, name] : {std::tuple<std::string, std::string>{"transformers", "vit"},
                                   {"transformers", "dinov2"},
                                   {"transformers", "dinov2_with_registers"},
                                   {"models", "deit"},
                                   {"models", "deit_teacher"},
                                   {"models", "dinov3"},
                                   {"models", "timm"},
                                   {"models", "timm_registers"},
                                   {"models", "timm_mean"}}) {
    for (const int64_t side : {8, 20}) {
      CAPTURE_BOUND(name);
      CAPTURE(side);
      const nn::PretrainedClassifier loaded = golden_folder(room + '/' + name);
      nn::ImageClassifier& model = *loaded.model;
      model.set_image_size(side);
      CHECK(model.shape().image_size == side);
      const std::string key = name + '.' + std::to_string(side);
      const Tensor &images = answers.at(key + ".images"), &logits = answers.at(key + ".logits");
      CHECK(largest_difference(model(images), logits) < 1e-5);
      nn::save_pretrained(model, {"a", "b", "c"}, folder / key);
      const nn::PretrainedClassifier again = nn::from_pretrained(folder / key);
      nn::eval(*again.model);
      CHECK(again.model->shape().image_size == side);
      CHECK(largest_difference((*again.model)(images), logits) < 1e-5);
    }
  }
}

TEST_CASE(
    "set_image_size: patches must divide it; what trained still trains, what did not does not") {
  const nn::PretrainedClassifier loaded = golden_folder("transformers/vit");
  nn::ImageClassifier& model = *loaded.model;
  CHECK_THROWS_WITH_AS(model.set_image_size(21),
                       "set_image_size: expected a multiple of the patches' 4 pixels, got 21; the "
                       "nearest are 20 and 24",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(model.set_image_size(3),
                       "set_image_size: expected a multiple of the patches' 4 pixels, got 3",
                       ArgumentError);
  const auto positions = [&]() -> const Tensor& {
    for (const auto& [name, tensor] : nn::named_parameters(model)) {
      if (name == "vit.embeddings.position_embeddings") return *tensor;
    }
    FAIL("no positions");
    return model.classifier.weight;
  };
  for (const bool trains : {true, false}) {
    nn::set_trainable(model, trains);
    model.set_image_size(trains ? 16 : 8);
    CHECK(positions().shape() == Dims{1, trains ? 17 : 5, 16});
    CHECK(positions().requires_grad() == trains);
  }
  const Tensor before = positions();
  model.set_image_size(8);
  CHECK(positions().raw_data() == before.raw_data());
}

TEST_CASE("an image processor of another size cuts off the same share") {
  const nn::ImageProcessor cropped{.height = 256,
                                   .width = 256,
                                   .shortest_edge = 256,
                                   .do_center_crop = true,
                                   .crop_height = 224,
                                   .crop_width = 224};
  const nn::ImageProcessor large = cropped.at_size(518);
  CHECK(large.shortest_edge == 592);
  CHECK(large.out_height() == 518);
  CHECK(large.out_width() == 518);
  const nn::ImageProcessor square = nn::ImageProcessor{}.at_size(98);
  CHECK(square.out_height() == 98);
  CHECK(square.width == 98);
  CHECK_FALSE(square.do_center_crop);
}

}  // namespace papilio::test
