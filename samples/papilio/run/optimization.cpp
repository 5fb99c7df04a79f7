#include "samples/papilio/run/optimization.h"

#include <string>
#include <utility>

#include "autograd/autocast.h"
#include "nn/data/batch_source.h"
#include "nn/models/pretrained_model.h"
#include "nn/optim/parameter_groups.h"

namespace papilio::cli {

std::unique_ptr<nn::Optimizer> make_optimizer(nn::Module& model, const TrainingSettings& s) {
  nn::GroupOptions options{.weight_decay = s.weight_decay, .layer_decay = s.layer_decay};
  auto* const pretrained = dynamic_cast<nn::PretrainedModel*>(&model);
  if (s.head_lr >= 0 && s.lr > 0 && pretrained != nullptr) {
    options.in_head = [pretrained](const std::string& path) { return pretrained->in_head(path); };
    options.head_lr_scale = s.head_lr / s.lr;
  }
  const auto groups = nn::parameter_groups(model, options);
  if (s.optimizer == "sgd")
    return std::make_unique<nn::Sgd>(groups, nn::SgdOptions{.lr = s.lr, .momentum = s.momentum});
  if (s.optimizer == "adamw8bit" || s.use_8bit_adam)
    return std::make_unique<nn::AdamW8bit>(groups, nn::AdamWOptions{.lr = s.lr});
  return std::make_unique<nn::AdamW>(groups, nn::AdamWOptions{.lr = s.lr});
}

DType training_precision(const TrainingSettings& s) {
  return s.precision == "bfloat16" ? DType::bfloat16 : DType::float32;
}

nn::Loss in_precision(const TrainingSettings& s, nn::Loss loss) {
  return [precision = training_precision(s), loss = std::move(loss)](const nn::Batch& batch) {
    const Autocast scope(precision);
    return loss(batch);
  };
}

Fit fit_by_loss(nn::Module& model, const TrainingSettings& s, nn::Loss loss) {
  return [&model, loss = in_precision(s, std::move(loss))](
             nn::Loader& loader, nn::Optimizer& optimizer, nn::FitOptions options) {
    options.label_smoothing = 0;
    nn::fit(model, loss, loader, optimizer, options);
  };
}

}  // namespace papilio::cli
