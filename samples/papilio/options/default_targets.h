// Which layers an adapter adapts if the user names none.
#pragma once

#include <string>

#include "nn/models/image_classifier.h"

namespace papilio::cli {

// Every linear map of the transformer's layers, in `usual`'s names as far as the model has them:
// "query,key,value,output.dense,mlp.fc1,mlp.fc2" of DINOv2.
std::string default_targets(nn::ImageClassifier& model, const std::string& usual);

}  // namespace papilio::cli
