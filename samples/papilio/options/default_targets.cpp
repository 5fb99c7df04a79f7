#include "samples/papilio/options/default_targets.h"

#include <algorithm>
#include <vector>

#include "boft/model/detail/target_match.h"
#include "nn/adapter.h"
#include "nn/detail/layer_places.h"
#include "nn/models/detail/transformers_names.h"
#include "samples/papilio/options/method_options.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

// "mlp.fc1" of dinov2.encoder.layer.0.mlp.fc1; empty without a number.
std::string name_in_layer(const std::string& path) {
  const std::vector<nn::LayerPlace> places = nn::layer_places(path);
  return places.empty() ? "" : places.back().inside;
}

}  // namespace

std::string default_targets(nn::Module& model, const std::string& usual) {
  std::vector<std::string> paths;
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    if (nn::linear_layer(module) != nullptr && !name_in_layer(path).empty()) paths.push_back(path);
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

std::vector<std::string> lists_at_the_top(nn::Module& model) {
  std::vector<std::string> lists;
  nn::for_each_module(model, [&](const std::string& path, nn::Module&) {
    const std::vector<nn::LayerPlace> places = nn::layer_places(path);
    if (places.empty() || places[0].list.empty()) return;
    const bool at_top = places[0].list.find('.') == std::string::npos;
    if (at_top && nn::transformers5_name(path) == path &&
        !std::ranges::count(lists, places[0].list))
      lists.push_back(places[0].list);
  });
  return lists;
}

}  // namespace papilio::cli
