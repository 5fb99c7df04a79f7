#include "boft/methods/adapter.h"

#include <algorithm>
#include <cstdint>

namespace papilio::boft {

Tensor LayerAdapter::rotations(bool) {
  return {};
}

Tensors LayerAdapter::tensors() {
  Tensors result;
  for (const auto& [name, tensor] : nn::named_parameters(*this, true))
    result[key(name)] = tensor->detach();
  return result;
}

void LayerAdapter::check_strength(bool training) const {
  check(strength == 1 || !training, "strength ", strength,
        ": expected 1 in training; other values are for merging and evaluation");
}

std::string layer_of_key(std::string_view key, std::string_view ending) {
  if (!key.starts_with(kKeyPrefix) || !key.ends_with(ending)) return "";
  key.remove_prefix(kKeyPrefix.size());
  return key.size() > ending.size() ? std::string(key.substr(0, key.size() - ending.size())) : "";
}

std::string with_ending(std::string_view key, std::string_view from, std::string_view to) {
  return std::string(key.substr(0, key.size() - from.size())).append(to);
}

std::string dropout_warning(const char* field, double p, const std::vector<int64_t>& block_nums) {
  if (p == 0 || block_nums.empty()) return "";
  const int64_t most = *std::ranges::max_element(block_nums);
  if (int64_t(p * double(most)) > 0) return "";
  return str(field, ' ', p, " drops nothing: it replaces int(p N) blocks, and N is at most ", most);
}

}  // namespace papilio::boft
