// Which parameters an optimiser decays, and how fast each layer of a transformer learns.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nn/module.h"
#include "nn/optim/optimizer.h"

namespace papilio::nn {

struct GroupOptions {
  double weight_decay = 0;  // of parameters with two and more dimensions
  // Layer-wise rates (BEiT, arXiv 2106.08254): a layer learns layer_decay times as fast as the one
  // after it; the classifier and the last norm at the whole rate, the embeddings slowest. 1: all
  // alike.
  double layer_decay = 1;
  // Parameters with these names learn head_lr_scale times as fast, whatever layer_decay is
  // (PretrainedModel::in_head); empty: none.
  std::function<bool(const std::string& name)> in_head = nullptr;
  double head_lr_scale = 1;
};

// The parameters that train. Biases and norms do not decay, nor what a module visits as
// undecayed: scales, tokens, positions. Throws ArgumentError for a layer_decay outside (0, 1] and a
// negative head_lr_scale.
std::vector<ParameterGroup> parameter_groups(Module& model, const GroupOptions& options);

}  // namespace papilio::nn
