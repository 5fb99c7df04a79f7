#include "boft/files/detail/unused_keys.h"

#include "boft/methods/methods.h"

namespace papilio::boft {

namespace {

// With bias = "all" PEFT lists a saved module's biases once more, under the names its wrapper has.
bool is_repeated(const std::string& key) {
  return key.ends_with(".bias") && (key.find(".modules_to_save.") != std::string::npos ||
                                    key.find(".original_module.") != std::string::npos);
}

bool is_named_like_a_weight(const std::string& key) {
  return key.ends_with(".weight") || key.ends_with(".bias") || is_adapter_key(key);
}

}  // namespace

UnusedKeys unused_keys(const Tensors& mine, const Tensors& tensors,
                       const std::map<std::string, std::string>& unsupported) {
  UnusedKeys result;
  for (const auto& [key, tensor] : tensors) {
    if (mine.contains(key) || is_repeated(key)) continue;
    if (key.find("boft_P") != std::string::npos)
      result.others.push_back(key +
                              " (a permutation that old releases of PEFT stored; it follows from "
                              "the configuration)");
    else if (is_floating(tensor.dtype()))
      result.weights.push_back(key);
    else
      result.others.push_back(key);
  }
  for (const auto& [key, dtype] : unsupported)
    (is_named_like_a_weight(key) ? result.weights : result.others)
        .push_back(key + " (" + dtype + ')');
  return result;
}

}  // namespace papilio::boft
