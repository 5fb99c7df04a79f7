// Model folders as Hugging Face Transformers has them: config.json with model.safetensors, or with
// several files and their index.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nn/models/image_classifier.h"
#include "nn/models/language_model.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// What a model does, which its config.json says.
enum class ModelKind { image_classifier, language_model };
// Throws FileError for a file that is broken, and for a model_type that is not known.
ModelKind kind_of(const std::filesystem::path& config_json);

// A classifier out of a folder.
struct PretrainedClassifier {
  std::unique_ptr<ImageClassifier> model;  // on the heap: adapters hold pointers into it
  std::vector<std::string> class_names;    // id2label; empty if it is missing
  std::vector<std::string> warnings;       // one line each
};

// The model that a config.json describes (model_type vit, deit, dinov2, dinov2_with_registers,
// dinov3_vit; papilio_vit: a ViT with options that Transformers does not have; timm's by their
// architecture), with random weights. Throws FileError that names the key for wrong types and for
// settings that would change the computation in a way the model does not have, ArgumentError for
// sizes that contradict each other. Keys that are not known here are warned about, and kept for
// save_pretrained.
PretrainedClassifier from_config(const std::filesystem::path& config_json);

// The same with the folder's weights, under the names that Transformers 4 or 5 gives them. A file
// of the backbone alone is fine: the classifier is then new, and a warning says so. Tensors that
// the model has no use for are named in a warning; missing ones, and other shapes, throw FileError.
PretrainedClassifier from_pretrained(const std::filesystem::path& folder);

// Writes config.json and model.safetensors atomically, as Transformers 4 and 5 read them; the
// folder is made if it is missing. Throws if the model carries adapters.
void save_pretrained(ImageClassifier& model, const std::vector<std::string>& class_names,
                     const std::filesystem::path& folder);

// The model that a config.json describes, of whatever kind; what from_config warns of is not said.
std::unique_ptr<PretrainedModel> model_from_config(const std::filesystem::path& config_json);

// The same of models without classes: config.json, and the weights under the model's weights_name.
void save_pretrained(PretrainedModel& model, const std::filesystem::path& folder);
void save_pretrained(ImageClassifier& model, const std::filesystem::path& folder) = delete;

// from_config and from_pretrained of language models (model_type gpt2).
struct PretrainedLanguageModel {
  std::unique_ptr<LanguageModel> model;
  std::vector<std::string> warnings;
};
PretrainedLanguageModel language_model_from_config(const std::filesystem::path& config_json);
PretrainedLanguageModel language_model_from_pretrained(const std::filesystem::path& folder);

}  // namespace papilio::nn
