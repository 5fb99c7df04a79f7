// The models that a config.json's model_type can name.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "nn/models/image_classifier.h"

namespace papilio::nn {

// One module under the names of checkpoints and of Transformers 5 (nn/models/transformers_names.h).
struct Renaming {
  std::string_view checkpoint, transformers5;
};

// Of a model's numbered layers: {"vit.encoder.layer.", "vit.layers."} before the number, and whole
// modules behind it.
struct Renamings {
  Renaming layers;
  std::span<const Renaming> attention, others = {};
};

// Of MultiHeadAttention, in every model that has one.
inline constexpr Renaming kAttentionRenamings[] = {
    {"attention.attention.query", "attention.q_proj"},
    {"attention.attention.key", "attention.k_proj"},
    {"attention.attention.value", "attention.v_proj"},
    {"attention.output.dense", "attention.o_proj"},
};

struct ModelType {
  std::string_view model_type;
  // The model that the fields describe, with random weights; keys that are missing take
  // Transformers' defaults. Throws FileError that names the key for wrong types and for settings
  // that would change the computation in a way the model does not have, ArgumentError for sizes
  // that contradict each other. The way back is the model's config_fields().
  std::unique_ptr<ImageClassifier> (*make)(JsonFields& fields);
  const Renamings* renamings;  // null: Transformers 4 and 5 call everything the same
};

std::span<const ModelType> model_table();
// The row of the document's model_type. Throws FileError that lists those there are.
const ModelType& model_type_of(JsonFields& fields);

}  // namespace papilio::nn
