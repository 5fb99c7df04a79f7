// The models that a config.json's model_type can name.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nn/models/image_classifier.h"
#include "nn/models/language_model.h"

namespace papilio::nn {

// One module under the names of checkpoints and of Transformers 5
// (nn/models/detail/transformers_names.h).
struct Renaming {
  std::string_view checkpoint, transformers5;
};

// A module of checkpoints whose rows Transformers 5 holds as two, the first half above the second.
struct SplitModule {
  std::string_view checkpoint, first, second;
};

// What Transformers 5 calls a model's numbered layers: {"vit.encoder.layer.", "vit.layers."} before
// the number, and whole modules behind it.
struct Renamings {
  Renaming layers;
  std::span<const Renaming> attention, others = {};
  std::span<const SplitModule> split = {};
};

// MultiHeadAttention's, in every model that has one.
inline constexpr Renaming kAttentionRenamings[] = {
    {"attention.attention.query", "attention.q_proj"},
    {"attention.attention.key", "attention.k_proj"},
    {"attention.attention.value", "attention.v_proj"},
    {"attention.output.dense", "attention.o_proj"},
};
// The MLP's, in every model of ViTLayers.
inline constexpr Renaming kViTMlpRenamings[] = {
    {"intermediate.dense", "mlp.fc1"},
    {"output.dense", "mlp.fc2"},
};

// Transformers' id2label. num_labels wins over one of another length, as there: the classes are
// then LABEL_0, LABEL_1, ... and a warning says so.
std::vector<std::string> read_id2label(JsonFields& fields, int64_t num_labels,
                                       std::vector<std::string>& warnings);

// A function that makes models of one kind.
template <class Model>
using MakeModel = std::unique_ptr<Model> (*)(JsonFields& fields);

struct ModelType {
  std::string_view model_type;
  // The model that the fields describe, with random weights; keys that are missing take
  // Transformers' defaults. Throws FileError that names the key for wrong types and for settings
  // that would change the computation in a way the model does not have, ArgumentError for sizes
  // that contradict each other. The way back is the model's config_fields(). Its type says what
  // kind of model it is, in the order of ModelKind.
  std::variant<MakeModel<ImageClassifier>, MakeModel<LanguageModel>> make;
  const Renamings* renamings = nullptr;  // null: Transformers 4 and 5 call everything the same
  // A classifier's classes by number, for so many outputs; empty if the document does not name
  // them. Throws FileError that names the key.
  std::vector<std::string> (*class_names)(JsonFields& fields, int64_t num_labels,
                                          std::vector<std::string>& warnings) = read_id2label;
};

std::span<const ModelType> model_table();
// The row of the document's model_type. Throws FileError that lists those there are.
const ModelType& model_type_of(JsonFields& fields);

}  // namespace papilio::nn
