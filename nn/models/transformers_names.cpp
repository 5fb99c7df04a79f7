#include "nn/models/transformers_names.h"

#include <cstddef>
#include <string_view>

namespace papilio::nn {

namespace {

struct Renaming {
  std::string_view checkpoint, transformers5;
};

constexpr Renaming kAttention[] = {
    {"attention.attention.query", "attention.q_proj"},
    {"attention.attention.key", "attention.k_proj"},
    {"attention.attention.value", "attention.v_proj"},
    {"attention.output.dense", "attention.o_proj"},
};
constexpr Renaming kVitMlp[] = {
    {"intermediate.dense", "mlp.fc1"},
    {"output.dense", "mlp.fc2"},
};
constexpr Renaming kVitLayers{"vit.encoder.layer.", "vit.layers."};
constexpr std::string_view kDinov2Layers[] = {"dinov2.encoder.layer.",
                                              "dinov2_with_registers.encoder.layer."};

// Replaces `from` by `to` where `name` begins with it as a whole module.
bool rename(std::string& name, std::string_view from, std::string_view to) {
  const bool whole =
      name.starts_with(from) && (name.size() == from.size() || name[from.size()] == '.');
  if (whole) name.replace(0, from.size(), to);
  return whole;
}

template <size_t N>
bool rename(std::string& name, const Renaming (&table)[N], bool to_transformers5) {
  for (const auto& [checkpoint, transformers5] : table) {
    if (to_transformers5 ? rename(name, checkpoint, transformers5)
                         : rename(name, transformers5, checkpoint))
      return true;
  }
  return false;
}

// "<prefix>12.<name in the layer>"; the path itself where it is no such thing.
std::string renamed(const std::string& path, std::string_view prefix, std::string_view new_prefix,
                    bool vit, bool to_transformers5) {
  const size_t dot = path.find('.', prefix.size());
  if (dot == std::string::npos) return std::string(new_prefix) + path.substr(prefix.size());
  std::string inside = path.substr(dot + 1);
  if (!rename(inside, kAttention, to_transformers5) && vit)
    rename(inside, kVitMlp, to_transformers5);
  return std::string(new_prefix) + path.substr(prefix.size(), dot + 1 - prefix.size()) + inside;
}

std::string renamed(const std::string& path, bool to_transformers5) {
  const auto& [checkpoint, transformers5] = kVitLayers;
  const std::string_view vit = to_transformers5 ? transformers5 : checkpoint;
  for (const std::string_view prefix : {checkpoint, transformers5}) {
    if (path.starts_with(prefix)) return renamed(path, prefix, vit, true, to_transformers5);
  }
  for (const std::string_view prefix : kDinov2Layers) {
    if (path.starts_with(prefix)) return renamed(path, prefix, prefix, false, to_transformers5);
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
