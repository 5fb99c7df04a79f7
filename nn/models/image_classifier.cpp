#include "nn/models/image_classifier.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "autograd/backward.h"
#include "nn/init.h"
#include "nn/models/detail/position_embeddings.h"

namespace papilio::nn {

std::vector<Tensor> ImageClassifier::attention_probabilities(const Tensor& images) {
  std::vector<Tensor> all;
  attention(images, [&](const Tensor& probabilities) { all.push_back(probabilities); });
  return all;
}

void ImageClassifier::reset_classifier(int64_t num_labels) {
  check(num_labels >= 1, "reset_classifier: expected num_labels >= 1, got ", num_labels);
  for (const Head& head : heads())
    check(head.layer->adapters.empty(), "reset_classifier: the ", head.path, " carries adapters");
  reset_classifier(classifier.in_features(), num_labels);
}

void ImageClassifier::reset_classifier(int64_t inputs, int64_t num_labels) {
  const double std = set_num_labels(num_labels);
  for (const Head& head : heads()) {
    Linear fresh(inputs, num_labels);
    initialise_transformer(fresh, std);
    if (!head.layer->quantized) to(fresh, head.layer->weight.dtype());
    to(fresh, head.layer->weight_device());
    *head.layer = std::move(fresh);
  }
}

void ImageClassifier::set_image_size(int64_t image_size) {
  const Shape before = shape();
  const int64_t patch = before.patch_size, side = image_size / patch;
  check(image_size >= patch && side * patch == image_size,
        "set_image_size: expected a multiple of the patches' ", patch, " pixels, got ", image_size,
        side > 0 ? str("; the nearest are ", side * patch, " and ", (side + 1) * patch) : "");
  if (image_size == before.image_size) return;
  const Positions positions = set_size(image_size);
  if (positions.embeddings == nullptr) return;
  Tensor& embeddings = *positions.embeddings;
  const bool trains = embeddings.requires_grad();
  embeddings =
      interpolate_positions(embeddings.detach(), positions.tokens, side, side, positions.antialias);
  set_requires_grad(embeddings, trains);
}

ConfigFields ImageClassifier::label_fields(const std::vector<std::string>& class_names) const {
  nlohmann::json id2label = nlohmann::json::object(), label2id = nlohmann::json::object();
  for (size_t i = 0; i < class_names.size(); ++i) {
    id2label[std::to_string(i)] = class_names[i];
    label2id[class_names[i]] = i;
  }
  return {{"id2label", id2label.dump()},
          {"label2id", label2id.dump()},
          {"num_labels", std::to_string(class_names.size())}};
}

bool ImageClassifier::in_head(const std::string& path) {
  return std::ranges::any_of(heads(), [&](const Head& head) {
    return path == head.path || path.starts_with(head.path + '.');
  });
}

std::string ImageClassifier::make_new_head() {
  reset_classifier(classifier.out_features());
  new_head = true;
  return "the weights hold no classifier: it is new, and knows nothing yet";
}

double patch_operations(int64_t image_size, int64_t patch_size, int64_t channels,
                        int64_t features) {
  const int64_t side = image_size / patch_size;
  return 2 * double(side) * double(side) * double(patch_size * patch_size * channels) *
         double(features);
}

void initialise_transformer(Module& module, double std) {
  for (const auto& [name, tensor] : named_parameters(module)) {
    if (name.ends_with("bias")) {
      constant_(*tensor, 0);
    } else if (tensor->dim() >= 2) {
      trunc_normal_(*tensor, std);
    }
  }
}

}  // namespace papilio::nn
