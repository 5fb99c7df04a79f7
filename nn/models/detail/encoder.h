// A vision transformer's layers, one behind the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/models/image_classifier.h"

namespace papilio::nn {

// `count` layers of a configuration, with stochastic depth: the drop path rate grows linearly from
// 0 at the first to `rate` at the last; a layer that is alone has `rate_alone`.
template <class Layer, class Config>
std::vector<Layer> layers_by_depth(const Config& config, int64_t count, double rate,
                                   double rate_alone) {
  std::vector<Layer> layers;
  layers.reserve(size_t(count));
  for (int64_t i = 0; i < count; ++i)
    layers.emplace_back(config, count > 1 ? rate * (double(i) / double(count - 1)) : rate_alone);
  return layers;
}

// x: (B, T, D) through all layers: (B, T, D). If there is an `f`, it is told each layer's
// attention. `inputs` are what every layer takes beside x.
template <class Layer, class... Inputs>
Tensor through_layers(std::vector<Layer>& layers, const Tensor& tokens, const OnAttention& f,
                      const Inputs&... inputs) {
  Tensor x = tokens;
  for (Layer& layer : layers) {
    if (f) f(layer.probabilities(x, inputs...));
    x = layer(x, inputs...);
  }
  return x;
}

}  // namespace papilio::nn
