// How the settings say that a model trains: by which optimiser, in which precision, by which loss.
#pragma once

#include <functional>
#include <memory>

#include "nn/data/loader.h"
#include "nn/models/image_classifier.h"
#include "nn/models/language_model.h"
#include "nn/optim/optimizer.h"
#include "nn/train/fit.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::cli {

// The optimiser that the settings name, of what trains; the head of a PretrainedModel may have a
// rate of its own.
std::unique_ptr<nn::Optimizer> make_optimizer(nn::Module& model, const TrainingSettings& settings);
// The model in the precision of training.
nn::Forward training_forward(nn::ImageClassifier& model, const TrainingSettings& settings);
DType training_precision(const TrainingSettings& settings);

// The mean loss of the tokens that count, whose labels the settings smooth.
nn::Loss token_loss(nn::LanguageModel& model, const TrainingSettings& settings);
// The same loss in the precision of training.
nn::Loss in_precision(const TrainingSettings& settings, nn::Loss loss);

// nn::fit on a model in the precision of training.
using Fit = std::function<void(nn::Loader&, nn::Optimizer&, const nn::FitOptions&)>;
// Trains by a loss of one's own, which smooths its labels itself if it has any.
Fit fit_by_loss(nn::Module& model, const TrainingSettings& settings, nn::Loss loss);

}  // namespace papilio::cli
