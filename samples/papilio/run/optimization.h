// How the settings say that a model trains: by which optimiser, in which precision, by which loss.
#pragma once

#include <functional>
#include <memory>

#include "nn/data/loader.h"
#include "nn/module.h"
#include "nn/optim/optimizer.h"
#include "nn/train/fit.h"
#include "samples/papilio/options/training_options.h"
#include "tensor/dtype.h"

namespace papilio::cli {

// The optimiser that the settings name, of what trains; the head of a PretrainedModel may have a
// rate of its own.
std::unique_ptr<nn::Optimizer> make_optimizer(nn::Module& model, const TrainingSettings& settings);
// What it computes in.
DType training_precision(const TrainingSettings& settings);

// The loss in the precision of training.
nn::Loss in_precision(const TrainingSettings& settings, nn::Loss loss);

// nn::fit on a model in the precision of training.
using Fit = std::function<void(nn::Loader&, nn::Optimizer&, const nn::FitOptions&)>;
// Trains by a loss of one's own, which smooths its labels itself if it has any.
Fit fit_by_loss(nn::Module& model, const TrainingSettings& settings, nn::Loss loss);

}  // namespace papilio::cli
