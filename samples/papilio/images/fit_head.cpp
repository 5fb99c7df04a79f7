#include "samples/papilio/images/fit_head.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "autograd/anomaly.h"
#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "nn/data/batch_source.h"
#include "nn/optim/optimizer.h"

namespace papilio::cli {

namespace {

constexpr int64_t kSteps = 500, kRows = 2048;
constexpr double kRate = 0.05;

struct Features {
  Tensor x, labels;  // (n, features), (n)
};

Features features_of(nn::ImageClassifier& model, nn::Loader& loader) {
  const NoGrad no_grad;
  nn::eval(model);
  const Device device = nn::device_of(model);
  std::vector<Tensor> x, labels;
  for (int64_t i = 0; i < loader.batches_per_epoch(); ++i) {
    const nn::Batch batch = loader.next_or_empty();
    if (!batch.labels.defined() || batch.labels.numel() == 0) continue;
    x.push_back(model.features(to(batch.inputs, device)));
    labels.push_back(to(batch.labels, device));
  }
  check<Error>(!x.empty(), "--head fitted: there is no image to fit it to");
  Features all{concat(x, 0), concat(labels, 0)};
  check<Error>(all_finite(all.x), "--head fitted: the model's features are not finite");
  return all;
}

std::vector<Tensor> head_parameters(nn::ImageClassifier& model) {
  std::vector<Tensor> parameters;
  for (const nn::ImageClassifier::Head& head : model.heads()) {
    for (const auto& [name, tensor] : nn::named_parameters(*head.layer)) {
      if (!name.starts_with("adapters.") && tensor->requires_grad()) parameters.push_back(*tensor);
    }
  }
  return parameters;
}

}  // namespace

FittedHead fit_head(nn::ImageClassifier& model, nn::Loader& loader, double label_smoothing) {
  const Features all = features_of(model, loader);
  const int64_t n = all.labels.numel(), rows = std::min(n, kRows);
  const std::vector<Tensor> parameters = head_parameters(model);
  check<Error>(!parameters.empty(), "--head fitted: the head does not train");
  nn::AdamW optimizer({{.parameters = parameters}}, {.lr = kRate});
  int64_t at = 0;
  for (int64_t step = 0; step < kSteps; ++step) {
    if (at + rows > n) at = 0;
    optimizer.set_lr(kRate * (1 + std::cos(std::numbers::pi * double(step) / kSteps)) / 2);
    const Tensor logits = model.logits(slice(all.x, 0, at, at + rows));
    backward(cross_entropy(logits, slice(all.labels, 0, at, at + rows),
                           {.label_smoothing = label_smoothing}));
    optimizer.step();
    optimizer.zero_grad();
    at += rows;
  }
  const NoGrad no_grad;
  const Tensor logits = model.logits(all.x);
  return {n, mean(cast(eq(argmax(logits, -1), all.labels), DType::float32)).item(),
          cross_entropy(logits, all.labels).item()};
}

}  // namespace papilio::cli
