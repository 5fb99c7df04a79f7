// Which layers an adapter adapts, in the model's names.
#pragma once

#include <string>
#include <vector>

#include "nn/module.h"

namespace papilio::cli {

// Every linear map of the transformer's layers, in `usual`'s names as far as the model has them:
// "query,key,value,output.dense,mlp.fc1,mlp.fc2" of DINOv2.
std::string default_targets(nn::Module& model, const std::string& usual);

// The lists of layers at the top of the model (timm's blocks), which layers_to_transform finds only
// if layers_pattern names them.
std::vector<std::string> lists_at_the_top(nn::Module& model);

}  // namespace papilio::cli
