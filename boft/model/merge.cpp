#include "boft/model/merge.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "boft/model/detail/activate.h"
#include "nn/adapter.h"

namespace papilio::boft {

void check_merge_order(const std::vector<std::string>& names,
                       const std::vector<std::string>& active,
                       const std::vector<std::string>& merged) {
  auto next = names.begin();
  for (const std::string& name : active) {
    const auto at = std::ranges::find(names, name);
    if (at == names.end()) continue;
    check(at >= next, "merge: ", name,
          " is named too early; name active adapters in the order of their activation");
    next = at + 1;
  }
  std::string outside;
  for (const std::string& name : active) {
    if (contains(merged, name)) continue;
    if (!contains(names, name)) {
      if (outside.empty()) outside = name;
    } else {
      check(outside.empty(), "merge: adapter ", outside, " is active, was activated before ", name,
            " and would then apply after it; merge it too, or deactivate it");
    }
  }
}

std::vector<MergeError> merge_layers(const std::vector<const Attached*>& adapters, bool safe,
                                     const Progress& progress) {
  std::vector<std::string> names;
  std::vector<LayerRef> touched;
  for (const Attached* a : adapters) {
    names.push_back(a->name);
    for (const LayerRef& ref : a->layers) {
      if (std::ranges::find(touched, ref.layer, &LayerRef::layer) == touched.end())
        touched.push_back(ref);
    }
  }
  std::vector<nn::MergedWeight> results;
  std::vector<MergeError> errors;
  for (const LayerRef& ref : touched) {
    results.push_back(ref.layer->merged(names, safe));
    if (ref.layer->quantized) errors.push_back({ref.path, results.back().error});
    if (progress) progress(results.size(), touched.size(), ref.path);
  }
  for (size_t i = 0; i < touched.size(); ++i)
    touched[i].layer->set_merged(std::move(results[i].weight), names);
  return errors;
}

}  // namespace papilio::boft
