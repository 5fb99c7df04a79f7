#include "nn/models/transformers_names.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "nn/models/detail/model_table.h"

namespace papilio::nn {

namespace {

// Replaces `from` by `to` if `name` begins with it as a whole module.
bool rename(std::string& name, std::string_view from, std::string_view to) {
  const bool whole =
      name.starts_with(from) && (name.size() == from.size() || name[from.size()] == '.');
  if (whole) name.replace(0, from.size(), to);
  return whole;
}

bool rename(std::string& name, std::span<const Renaming> renamings, bool to_transformers5) {
  for (const auto& [checkpoint, transformers5] : renamings) {
    if (to_transformers5 ? rename(name, checkpoint, transformers5)
                         : rename(name, transformers5, checkpoint))
      return true;
  }
  return false;
}

// "<prefix>12.<name in the layer>", under the other convention.
std::string renamed(const std::string& path, std::string_view prefix, const Renamings& renamings,
                    bool to_transformers5) {
  const std::string_view new_prefix =
      to_transformers5 ? renamings.layers.transformers5 : renamings.layers.checkpoint;
  const size_t dot = path.find('.', prefix.size());
  if (dot == std::string::npos) return std::string(new_prefix) + path.substr(prefix.size());
  std::string inside = path.substr(dot + 1);
  if (!rename(inside, renamings.attention, to_transformers5))
    rename(inside, renamings.others, to_transformers5);
  return std::string(new_prefix) + path.substr(prefix.size(), dot + 1 - prefix.size()) + inside;
}

std::string renamed(const std::string& path, bool to_transformers5) {
  for (const ModelType& type : model_table()) {
    if (type.renamings == nullptr) continue;
    for (const std::string_view prefix :
         {type.renamings->layers.checkpoint, type.renamings->layers.transformers5}) {
      if (path.starts_with(prefix)) return renamed(path, prefix, *type.renamings, to_transformers5);
    }
  }
  return path;
}

}  // namespace

std::string transformers5_name(const std::string& path) {
  return renamed(path, true);
}

std::string checkpoint_name(const std::string& path) {
  return renamed(path, false);
}

}  // namespace papilio::nn
