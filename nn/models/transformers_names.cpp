#include "nn/models/detail/transformers_names.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/models/clip_text.h"
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

// The renamings of every model that has any.
std::vector<const Renamings*> all_renamings() {
  std::vector<const Renamings*> all{&kClipTextRenamings};
  for (const ModelType& type : model_table())
    if (type.renamings != nullptr) all.push_back(type.renamings);
  return all;
}

std::string renamed(const std::string& path, bool to_transformers5) {
  for (const Renamings* const renamings : all_renamings()) {
    for (const std::string_view prefix :
         {renamings->layers.checkpoint, renamings->layers.transformers5}) {
      if (path.starts_with(prefix)) return renamed(path, prefix, *renamings, to_transformers5);
    }
  }
  return path;
}

// The split module in a path, with where its name begins and which of its names that is.
struct Found {
  const SplitModule* module;
  size_t at;
  std::string_view name;
};

std::optional<Found> find_split(const std::string& path, bool halves) {
  for (const Renamings* const renamings : all_renamings()) {
    for (const std::string_view prefix :
         {renamings->layers.checkpoint, renamings->layers.transformers5}) {
      const size_t dot = path.starts_with(prefix) ? path.find('.', prefix.size()) : path.npos;
      if (dot == path.npos) continue;
      const auto is = [&](std::string_view name) {
        const std::string_view inside = std::string_view(path).substr(dot + 1);
        return inside.starts_with(name) &&
               (inside.size() == name.size() || inside[name.size()] == '.');
      };
      for (const SplitModule& split : renamings->split) {
        if (!halves && is(split.checkpoint)) return Found{&split, dot + 1, split.checkpoint};
        for (const std::string_view half : {split.first, split.second})
          if (halves && is(half)) return Found{&split, dot + 1, half};
      }
    }
  }
  return {};
}

std::string with_name(const std::string& path, const Found& found, std::string_view name) {
  return std::string(path).replace(found.at, found.name.size(), name);
}

}  // namespace

std::optional<std::array<std::string, 2>> halves_of(const std::string& path) {
  const auto found = find_split(path, false);
  if (!found) return {};
  return std::array{transformers5_name(with_name(path, *found, found->module->first)),
                    transformers5_name(with_name(path, *found, found->module->second))};
}

std::optional<Half> half_of(const std::string& path) {
  const auto found = find_split(path, true);
  if (!found) return {};
  return Half{checkpoint_name(with_name(path, *found, found->module->checkpoint)),
              found->name == found->module->second ? size_t(1) : size_t(0)};
}

std::string transformers5_name(const std::string& path) {
  return renamed(path, true);
}

std::string checkpoint_name(const std::string& path) {
  return renamed(path, false);
}

std::string uncompiled_name(std::string path) {
  constexpr std::string_view kCompiled = "_orig_mod.";
  for (size_t at = 0; (at = path.find(kCompiled, at)) != path.npos;) {
    if (at == 0 || path[at - 1] == '.')
      path.erase(at, kCompiled.size());
    else
      at += kCompiled.size();
  }
  return path;
}

}  // namespace papilio::nn
