#include "nn/models/vit.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/model/model.h"
#include "nn/models/detail/position_embeddings.h"
#include "nn/models/pretrained.h"
#include "nn/optim/parameter_groups.h"
#include "nn/summary.h"
#include "nn/train/fit.h"
#include "nn/train/speed.h"
#include "tensor/random.h"
#include "tests/nn/digits.h"
#include "tests/temporary_folder.h"
#include "tests/tensor/faults.h"

namespace papilio::test {

namespace {

nn::ViTConfig small() {
  return {.image_size = 8,
          .patch_size = 4,
          .num_channels = 1,
          .hidden_size = 32,
          .num_hidden_layers = 2,
          .num_attention_heads = 4,
          .intermediate_size = 64,
          .num_labels = 10,
          .initializer_range = 0.1};
}

struct Trained {
  double first_loss = 0, last_loss = 0, accuracy = 0;
  std::vector<float> weight;
};

Trained train_on_digits(uint64_t seed, int64_t steps, bool boft) {
  manual_seed(seed);
  nn::ViTForImageClassification model(small());
  std::unique_ptr<boft::AdapterModel> adapters;
  if (boft) {
    adapters = std::make_unique<boft::AdapterModel>(model);
    adapters->add_adapter("default", boft::BoftConfig{.boft_n_butterfly_factor = 2,
                                                      .boft_dropout = 0.25,
                                                      .target_modules = "all-linear",
                                                      .modules_to_save = {"classifier"}});
  }
  const nn::ImageSplits splits = nn::fixed_splits(digits());
  nn::Loader loader(
      nn::batches_of(splits.train, {.transform = {.processor = nn::digits_processor()},
                                    .affine = {.shift_pixels = 0.5}}),
      {.batch_size = 64, .seed = seed});
  nn::AdamW optimizer(nn::parameter_groups(model, {.weight_decay = 0.01}),
                      {.lr = boft ? 1e-2 : 3e-3});
  const nn::Forward forward = [&](const Tensor& images) { return model(images); };
  Trained result;
  nn::fit(
      model, forward, loader, optimizer,
      {.steps = steps, .schedule = {.total_steps = steps}, .on_step = [&](const nn::StepReport& r) {
         if (r.step == 1) result.first_loss = r.loss;
         result.last_loss = r.loss;
         return true;
       }});
  result.accuracy = nn::evaluate(model, forward, digit_batches(splits.test)).accuracy;
  for (const auto& [name, tensor] : nn::named_parameters(model)) {
    for (float v : tensor->to_vector()) result.weight.push_back(v);
  }
  return result;
}

}  // namespace

TEST_CASE("ViT: parameters have the names of Transformers") {
  nn::ViTForImageClassification model(small());
  std::vector<std::string> names;
  for (const auto& [name, tensor] : nn::named_parameters(model)) names.push_back(name);
  for (const char* name :
       {"vit.embeddings.cls_token", "vit.embeddings.position_embeddings",
        "vit.embeddings.patch_embeddings.projection.weight",
        "vit.encoder.layer.1.attention.attention.query.weight",
        "vit.encoder.layer.1.attention.output.dense.bias",
        "vit.encoder.layer.0.intermediate.dense.weight", "vit.encoder.layer.0.output.dense.weight",
        "vit.encoder.layer.0.layernorm_before.weight", "vit.encoder.layer.0.layernorm_after.bias",
        "vit.layernorm.weight", "classifier.weight"}) {
    CHECK_MESSAGE(std::ranges::count(names, name) == 1, name);
  }
  CHECK(names.size() == 8 + 2 * 16);
}

TEST_CASE("ViT: drop path grows from 0 at the first layer to its rate at the last") {
  nn::ViTConfig config = small();
  config.num_hidden_layers = 5;
  nn::ViTForImageClassification model(config);
  nn::set_drop_path(model, 0.4);
  for (size_t i = 0; i < 5; ++i)
    CHECK(model.vit.layer[i].drop_path.p == doctest::Approx(0.1 * double(i)));
  config.drop_path_rate = 0.4;  // as the configuration says it
  nn::ViTForImageClassification other(config);
  for (size_t i = 0; i < 5; ++i)
    CHECK(model.vit.layer[i].drop_path.p == other.vit.layer[i].drop_path.p);
}

TEST_CASE("ViT: class token and mean pooling, sizes that do not fit") {
  nn::ViTConfig config = small();
  for (nn::Pooling pooling : {nn::Pooling::class_token, nn::Pooling::mean}) {
    config.pooling = pooling;
    nn::ViTForImageClassification model(config);
    CHECK(model(randn({3, 1, 8, 8})).shape() == Dims{3, 10});
    CHECK(model.attention_probabilities(randn({2, 1, 8, 8})).size() == 2);
    CHECK_THROWS_AS(model(randn({3, 1, 12, 12})), ArgumentError);
    CHECK_THROWS_AS(model(randn({3, 3, 8, 8})), ArgumentError);
  }
  config.patch_size = 9;
  CHECK_THROWS_WITH(nn::ViTModel{config}, "ViTConfig: patch_size 9 is larger than image_size 8");
  config = small();
  config.num_attention_heads = 5;
  CHECK_THROWS_AS(nn::ViTModel{config}, ArgumentError);
}

TEST_CASE("CCT: sequence pooling is a mean weighted by softmax, and convolutions make the tokens") {
  manual_seed(3);
  nn::ViTConfig config = small();
  config.pooling = nn::Pooling::sequence;
  config.conv_layers = 1;
  CHECK_THROWS_WITH(nn::ViTModel{config},
                    "ViTConfig: 1 conv_layers make patches of 2, patch_size is 4");
  config.patch_size = 2;
  config.num_hidden_layers = 0;
  nn::ViTForImageClassification model(config);
  const Tensor images = randn({3, 1, 8, 8});
  const Tensor tokens = model.vit.embeddings(images);
  REQUIRE(tokens.shape() == Dims{3, 16, 32});
  const Tensor pooled = model.vit(images);
  REQUIRE(pooled.shape() == Dims{3, 32});
  const auto x = model.vit.layernorm(tokens).to_vector<double>(),
             w = model.vit.attention_pool->weight.to_vector<double>();
  for (size_t b = 0; b < 3; ++b) {
    std::vector<double> weight(16);
    double sum = 0;
    for (size_t t = 0; t < 16; ++t) {
      double score = model.vit.attention_pool->bias.item();
      for (size_t i = 0; i < 32; ++i) score += w[i] * x[(b * 16 + t) * 32 + i];
      sum += weight[t] = std::exp(score);
    }
    for (size_t i = 0; i < 32; ++i) {
      double want = 0;
      for (size_t t = 0; t < 16; ++t) want += weight[t] / sum * x[(b * 16 + t) * 32 + i];
      CHECK(select(select(pooled, 0, int64_t(b)), 0, int64_t(i)).item() ==
            doctest::Approx(want).epsilon(1e-4));
    }
  }
  config.conv_layers = 2;
  config.patch_size = 4;
  nn::ViTForImageClassification two(config);
  CHECK(two.vit.embeddings.conv_stem->layer[0].weight.shape() == Dims{64, 1, 3, 3});
  CHECK(two(images).shape() == Dims{3, 10});
  CHECK_THROWS_AS(two(randn({1, 1, 6, 6})), ArgumentError);
}

TEST_CASE("CCT learns digits, and its folder is read back but not offered to Transformers") {
  const TemporaryFolder folder;
  nn::ViTConfig config = small();
  config.pooling = nn::Pooling::sequence;
  config.conv_layers = 1;
  config.patch_size = 2;
  manual_seed(1);
  nn::ViTForImageClassification model(config);
  const nn::ImageSplits splits = nn::fixed_splits(digits());
  nn::Loader loader(digit_batches(splits.train), {.batch_size = 64, .seed = 1});
  nn::AdamW optimizer(nn::parameter_groups(model, {.weight_decay = 0.01}), {.lr = 3e-3});
  const nn::Forward forward = [&](const Tensor& images) { return model(images); };
  nn::fit(model, forward, loader, optimizer, {.steps = 80, .schedule = {.total_steps = 80}});
  const nn::Evaluation e = nn::evaluate(model, forward, digit_batches(splits.test));
  CHECK(e.accuracy > 0.8);
  nn::save_pretrained(model, splits.class_names(), folder.path());
  CHECK(read_bytes(folder / "config.json").find("\"model_type\": \"papilio_vit\"") !=
        std::string::npos);
  const nn::PretrainedClassifier loaded = nn::from_pretrained(folder.path());
  CHECK(loaded.warnings.empty());
  nn::eval(*loaded.model);
  const Tensor x = slice(nn::whole_batch(*digit_batches(splits.test)).inputs, 0, 0, 4);
  CHECK((*loaded.model)(x).to_vector() == model(x).to_vector());
}

TEST_CASE(
    "ViT: trained on digits the loss falls below a bound, and the same seed gives the same bits") {
  const Trained a = train_on_digits(1, 150, false);
  CHECK(a.first_loss > 1.8);
  CHECK(a.last_loss < 0.8);
  CHECK(a.accuracy > 0.8);
  const Trained b = train_on_digits(1, 150, false);
  CHECK(a.weight == b.weight);
  CHECK(a.last_loss == b.last_loss);
  CHECK(a.weight != train_on_digits(2, 150, false).weight);
}

TEST_CASE(
    "BOFT with multiplicative dropout learns digits on a random frozen backbone, bit for bit "
    "repeatable") {
  const Trained a = train_on_digits(1, 150, true);
  CHECK(a.last_loss < 1.2);
  CHECK(a.accuracy > 0.6);
  CHECK(a.weight == train_on_digits(1, 150, true).weight);
}

TEST_CASE(
    "fit: NaN ends the training with the step and the operation, and the last good parameters") {
  manual_seed(1);
  nn::ViTForImageClassification model(small());
  nn::Loader loader(digit_batches(nn::fixed_splits(digits()).train), {.batch_size = 8});
  nn::AdamW optimizer(nn::parameter_groups(model, {}));
  int calls = 0;
  const nn::Forward forward = [&](const Tensor& images) {
    const Tensor logits = model(images);
    return ++calls > 3 ? sqrt(logits * 0.0 - 1.0) : logits;
  };
  std::vector<float> before;
  const auto remember = [&](const nn::StepReport&) {
    before = model.classifier.weight.to_vector();
    return true;
  };
  try {
    nn::fit(model, forward, loader, optimizer, {.steps = 10, .on_step = remember});
    FAIL("no error");
  } catch (const nn::NonFiniteError& e) {
    const std::string message = e.what();
    CHECK(message.starts_with("training stopped at step 4: the loss is "));
    CHECK(message.find("sqrt: the forward pass made a NaN") != std::string::npos);
  }
  CHECK(model.classifier.weight.to_vector() == before);
}

TEST_CASE("positions in half precision are resized in float32, and rounded once") {
  manual_seed(1);
  const Tensor positions = randn({1, 10, 4});
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    const Tensor half = cast(positions, dtype);
    const Tensor want = nn::interpolate_positions(cast(half, DType::float32), 1, 5, 2);
    const Tensor got = nn::interpolate_positions(half, 1, 5, 2);
    CHECK(got.dtype() == dtype);
    CHECK(got.to_vector() == cast(want, dtype).to_vector());
  }
}

TEST_CASE("a new classifier has the dtype of the one before") {
  nn::ViTForImageClassification model(small());
  nn::to(model, DType::bfloat16);
  model.reset_classifier(3);
  CHECK(model.classifier.weight.dtype() == DType::bfloat16);
  CHECK(model.classifier.bias.requires_grad());
}

TEST_CASE("model folder: written and read back, same logits; what is wrong is named") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("papilio_vit_" + std::to_string(::getpid()));
  nn::ViTForImageClassification model(small());
  std::vector<std::string> classes;
  for (int i = 0; i < 10; ++i) classes.push_back("digit " + std::to_string(i));
  nn::save_pretrained(model, classes, folder);
  const nn::PretrainedClassifier loaded = nn::from_pretrained(folder);
  CHECK(loaded.class_names == classes);
  const Tensor x = randn({2, 1, 8, 8});
  CHECK((*loaded.model)(x).to_vector() == model(x).to_vector());
  std::ofstream(folder / "config.json") << R"({"model_type": "vit", "hidden_size": "big"})";
  CHECK_THROWS_WITH(nn::from_pretrained(folder),
                    ((folder / "config.json").string() +
                     ": hidden_size: expected a whole number >= 1, got \"big\"")
                        .c_str());
  std::ofstream(folder / "config.json") << R"({"model_type": "bert"})";
  CHECK_THROWS_AS(nn::from_pretrained(folder), FileError);
  fs::remove_all(folder);
}

TEST_CASE("multiply-adds by module: by hand, and together what the speed is measured by") {
  nn::ViTConfig config{.image_size = 8,
                       .patch_size = 2,
                       .num_channels = 1,
                       .hidden_size = 16,
                       .num_hidden_layers = 2,
                       .num_attention_heads = 2,
                       .intermediate_size = 24,
                       .num_labels = 3};
  nn::ViTForImageClassification vit(config);
  const auto macs = nn::multiply_adds(vit);
  const std::string layer = "vit.encoder.layer.1.";
  CHECK(macs.at(layer + "attention.attention.query") == 17 * 16 * 16);
  CHECK(macs.at(layer + "intermediate.dense") == 17 * 16 * 24);
  CHECK(macs.at(layer + "attention") == 2 * 17 * 17 * 16);
  CHECK(macs.at("vit.embeddings.patch_embeddings.projection") == 16 * 16 * 4);
  CHECK(macs.at("classifier") == 16 * 3);
  double all = 0;
  for (const auto& [path, number] : macs) all += number;
  CHECK(2 * (all - 16 * 3) == nn::forward_operations(vit.shape(), 8, 8));
  CHECK(nn::summary(vit).find("MACs an image") != std::string::npos);
  // A compact one: a convolution before each pooling.
  config.patch_size = 4;
  config.conv_layers = 2;
  config.pooling = nn::Pooling::sequence;
  nn::ViTForImageClassification compact(config);
  const auto stem = nn::multiply_adds(compact);
  CHECK(stem.at("vit.embeddings.conv_stem.layer.0") == 64 * 9 * 64);
  CHECK(stem.at("vit.embeddings.conv_stem.layer.1") == 16 * 64 * 9 * 16);
  CHECK(2 * (stem.at("vit.embeddings.conv_stem.layer.0") +
             stem.at("vit.embeddings.conv_stem.layer.1")) ==
        compact.shape().stem_operations);
}

TEST_CASE("training goes on after running out of memory at any allocation") {
  manual_seed(1);
  nn::ViTForImageClassification model(small());
  nn::Loader loader(digit_batches(nn::fixed_splits(digits()).train), {.batch_size = 4});
  const nn::Batch batch = loader.next();
  const auto step = [&] { backward(cross_entropy(model(batch.inputs), batch.labels)); };
  step();
  const uint64_t before = memory_stats().allocations;
  nn::zero_grad(model);
  step();
  const uint64_t needed = memory_stats().allocations - before;
  std::vector<float> want = grad(model.classifier.weight).to_vector();
  for (uint64_t k = 1; k <= needed; k += 7) {
    nn::zero_grad(model);
    fail_allocation(k);
    CHECK_THROWS_AS(step(), OutOfMemoryError);
    fail_allocation(0);
    nn::zero_grad(model);
    step();
    CHECK(grad(model.classifier.weight).to_vector() == want);
  }
}

}  // namespace papilio::test
