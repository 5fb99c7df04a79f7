#include "nn/models/image_classifier.h"

#include <cstdint>
#include <utility>

#include "nn/init.h"
#include "tensor/copy.h"

namespace papilio::nn {

std::vector<Tensor> ImageClassifier::attention_probabilities(const Tensor& images) {
  std::vector<Tensor> all;
  attention(images, [&](const Tensor& probabilities) { all.push_back(probabilities); });
  return all;
}

void ImageClassifier::reset_classifier(int64_t num_labels) {
  check(num_labels >= 1, "reset_classifier: expected num_labels >= 1, got ", num_labels);
  check(classifier.adapters.empty(), "reset_classifier: the classifier carries adapters");
  reset_classifier(classifier.in_features(), num_labels);
}

void ImageClassifier::reset_classifier(int64_t inputs, int64_t num_labels) {
  const double std = set_num_labels(num_labels);
  Linear fresh(inputs, num_labels);
  initialise_transformer(fresh, std);
  to(fresh, classifier.weight.dtype());
  to(fresh, classifier.weight.device());
  classifier = std::move(fresh);
}

double patch_operations(int64_t image_size, int64_t patch_size, int64_t channels,
                        int64_t features) {
  const auto side = double(image_size / patch_size);
  return 2 * side * side * double(patch_size * patch_size * channels) * double(features);
}

void initialise_transformer(Module& module, double std) {
  for (const auto& [name, tensor] : named_parameters(module)) {
    if (name.ends_with("bias")) {
      fill_(*tensor, 0);
    } else if (tensor->dim() >= 2) {
      trunc_normal_(*tensor, std);
    }
  }
}

}  // namespace papilio::nn
