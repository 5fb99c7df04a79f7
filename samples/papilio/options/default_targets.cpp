#include "samples/papilio/options/default_targets.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <vector>

#include "boft/model/target_match.h"
#include "nn/adapter.h"
#include "samples/papilio/options/method_options.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

// The name behind the last number of the path: "mlp.fc1" of dinov2.encoder.layer.0.mlp.fc1; empty
// without a number.
std::string name_in_layer(const std::string& path) {
  std::string name;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (std::ranges::all_of(part, [](unsigned char c) { return std::isdigit(c); }))
      name = path.substr(std::min(end + 1, path.size()));
    begin = end + 1;
  }
  return name;
}

}  // namespace

std::string default_targets(nn::ImageClassifier& model, const std::string& usual) {
  std::vector<std::string> paths;
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    if (dynamic_cast<nn::Linear*>(&module) != nullptr && !name_in_layer(path).empty())
      paths.push_back(path);
  });
  const auto names_any = [&](const std::string& name) {
    return std::ranges::any_of(
        paths, [&](const std::string& path) { return boft::names_path(name, path); });
  };
  std::vector<std::string> names;
  for (const std::string& name : split_names(usual))
    if (names_any(name)) names.push_back(name);
  for (const std::string& path : paths) {
    if (std::ranges::none_of(names,
                             [&](const std::string& name) { return boft::names_path(name, path); }))
      names.push_back(name_in_layer(path));
  }
  return names.empty() ? usual : joined(names, ",");
}

}  // namespace papilio::cli
