#include "nn/models/attention_maps.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/models/dinov2.h"
#include "nn/models/vit.h"
#include "tensor/random.h"

namespace papilio::test {

namespace {

using Maps = std::vector<double>;

// The maps of one image, (patches): the mean over the heads of p (heads, T, T), and the rollout, by
// plain loops over the layers from the first to the last.
struct Reference {
  Maps last, rollout;
};

Reference reference(const std::vector<Tensor>& layers, int64_t image, int64_t prefix) {
  const auto T = size_t(layers[0].size(2)), heads = size_t(layers[0].size(1));
  // through[i][j]: how much of token i after the layers so far came from token j.
  std::vector<Maps> through(T, Maps(T, 0)), top;
  for (size_t i = 0; i < T; ++i) through[i][i] = 1;
  for (const Tensor& layer : layers) {
    const Maps p = layer.to_vector<double>();
    top.assign(T, Maps(T, 0));
    for (size_t h = 0; h < heads; ++h) {
      for (size_t i = 0; i < T; ++i) {
        for (size_t j = 0; j < T; ++j)
          top[i][j] += p[((size_t(image) * heads + h) * T + i) * T + j] / double(heads);
      }
    }
    std::vector<Maps> next(T, Maps(T, 0));
    for (size_t i = 0; i < T; ++i) {
      for (size_t k = 0; k < T; ++k) {
        for (size_t j = 0; j < T; ++j)
          next[i][j] += (top[i][k] + (i == k ? 1 : 0)) / 2 * through[k][j];
      }
    }
    through = next;
  }
  Reference result;
  for (auto j = size_t(prefix); j < T; ++j) {
    double last = 0, rollout = 0;
    for (size_t i = 0; i < T; ++i) {
      const double share = prefix > 0 ? (i == 0 ? 1 : 0) : 1 / double(T);
      last += share * top[i][j];
      rollout += share * through[i][j];
    }
    result.last.push_back(last);
    result.rollout.push_back(rollout);
  }
  return result;
}

void check_maps(nn::ImageClassifier& model, const Tensor& images, int64_t rows, int64_t columns) {
  nn::eval(model);
  const nn::AttentionMaps maps = nn::attention_maps(model, images);
  CHECK(maps.last.shape() == Dims{images.size(0), rows, columns});
  CHECK(maps.rollout.shape() == maps.last.shape());
  const std::vector<Tensor> layers = model.attention_probabilities(images);
  CHECK(layers.size() == size_t(model.shape().num_hidden_layers));
  const Maps last = maps.last.to_vector<double>(), rollout = maps.rollout.to_vector<double>();
  for (int64_t b = 0; b < images.size(0); ++b) {
    const Reference want = reference(layers, b, model.shape().prefix_tokens);
    for (size_t i = 0; i < want.last.size(); ++i) {
      const size_t at = size_t(b) * want.last.size() + i;
      CHECK(last[at] == doctest::Approx(want.last[i]).epsilon(1e-5));
      CHECK(rollout[at] == doctest::Approx(want.rollout[i]).epsilon(1e-5));
    }
  }
}

nn::ViTConfig small() {
  return {.image_size = 8,
          .patch_size = 2,
          .num_channels = 1,
          .hidden_size = 16,
          .num_hidden_layers = 3,
          .num_attention_heads = 2,
          .intermediate_size = 32,
          .num_labels = 3,
          .initializer_range = 0.5};
}

}  // namespace

TEST_CASE("attention maps: what the class token looks at, in the last layer and through all") {
  manual_seed(3);
  nn::ViTForImageClassification model(small());
  check_maps(model, randn({2, 1, 8, 8}), 4, 4);
  model.vit.embeddings.interpolate_pos_encoding = true;
  check_maps(model, randn({1, 1, 6, 10}), 3, 5);
}

TEST_CASE("attention maps: without class token, the mean attention received; registers stay out") {
  manual_seed(4);
  nn::ViTConfig config = small();
  config.pooling = nn::Pooling::mean;
  nn::ViTForImageClassification pooled(config);
  check_maps(pooled, randn({2, 1, 8, 8}), 4, 4);
  nn::Dinov2ForImageClassification registers({.image_size = 8,
                                              .patch_size = 2,
                                              .num_channels = 1,
                                              .hidden_size = 16,
                                              .num_hidden_layers = 2,
                                              .num_attention_heads = 2,
                                              .num_labels = 3,
                                              .num_register_tokens = 3,
                                              .initializer_range = 0.5});
  check_maps(registers, randn({2, 1, 8, 8}), 4, 4);
}

TEST_CASE("attention maps of a model without layers are refused") {
  nn::ViTConfig config = small();
  config.num_hidden_layers = 0;
  nn::ViTForImageClassification model(config);
  CHECK_THROWS_WITH_AS(nn::attention_maps(model, randn({1, 1, 8, 8})),
                       "attention_maps: the model has no attention layers", ArgumentError);
}

}  // namespace papilio::test
