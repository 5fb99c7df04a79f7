// A model's folder while it carries adapters.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nn/models/image_classifier.h"

namespace papilio::nn {

// save_pretrained of what the model computes with, without its adapters: the model that they were
// attached to while they are disabled (boft::AdapterModel::Disabled).
void save_without_adapters(ImageClassifier& model, const std::vector<std::string>& class_names,
                           const std::filesystem::path& folder);

}  // namespace papilio::nn
