#include "nn/optim/parameter_groups.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nn/detail/layer_places.h"

namespace papilio::nn {

namespace {

bool is_token(const std::string& name) {
  return name.ends_with("_token") || name.ends_with("_tokens");
}

// The depth of a parameter: 0 the embeddings, 1 the first layer, -1 what stands behind the layers.
// Layers are numbered as in encoder.layer.0 or timm's blocks.0; GPT-2's embeddings are wte and wpe.
int64_t depth_of(const std::string& name) {
  const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
  if (has("embed") || has("wte.") || has("wpe.") || is_token(name)) return 0;
  const std::vector<LayerPlace> places = layer_places(name);
  return places.empty() ? -1 : places.front().index + 1;
}

}  // namespace

std::vector<ParameterGroup> parameter_groups(Module& model, const GroupOptions& options) {
  check(options.layer_decay > 0 && options.layer_decay <= 1,
        "parameter_groups: expected layer_decay in (0, 1], got ", options.layer_decay);
  check(options.head_lr_scale >= 0, "parameter_groups: expected head_lr_scale >= 0, got ",
        options.head_lr_scale);
  int64_t layers = 0;
  for (const auto& [name, tensor] : named_parameters(model))
    layers = std::max(layers, depth_of(name));
  // By depth, decayed ones first: the order of a saved optimiser's state.
  std::map<std::pair<int64_t, bool>, ParameterGroup> groups;
  std::set<const Tensor*> distinct;
  for (const auto& [name, tensor] : distinct_parameters(model)) distinct.insert(tensor);
  const auto add = [&](const std::string& name, Tensor& tensor, Visitor::Kind kind) {
    if (!tensor.requires_grad() || !distinct.contains(&tensor)) return;
    const int64_t depth = options.layer_decay == 1 ? -1 : depth_of(name);
    const bool decayed = kind == Visitor::Kind::parameter && tensor.dim() >= 2;
    const double power = depth < 0 ? 0 : double(layers + 1 - depth);
    const bool head = options.head_lr_scale != 1 && options.in_head && options.in_head(name);
    ParameterGroup& group = groups[{depth < 0 ? layers + 1 + head : depth, !decayed}];
    group.lr_scale = head ? options.head_lr_scale : std::pow(options.layer_decay, power);
    group.weight_decay = decayed ? options.weight_decay : 0;
    group.parameters.push_back(tensor);
  };
  Visitor v(add, nullptr);
  model.visit(v);
  std::vector<ParameterGroup> result;
  result.reserve(groups.size());
  for (auto& [key, group] : groups) result.push_back(std::move(group));
  return result;
}

}  // namespace papilio::nn
