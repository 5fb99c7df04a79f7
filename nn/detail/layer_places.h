// Places in lists of layers, as the paths of modules and parameters have them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace papilio::nn {

// "encoder.layer.3.output.dense": number 3 of encoder.layer, and output.dense in it.
struct LayerPlace {
  std::string list;  // empty if the path begins with the number
  int64_t index;
  std::string inside;  // empty if the path ends with it
};

// Every number among the path's parts, from the outside to the inside.
std::vector<LayerPlace> layer_places(const std::string& path);

}  // namespace papilio::nn
