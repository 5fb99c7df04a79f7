// The folder of a language model, with or without an adapter folder, ready to use.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "boft/model/model.h"
#include "nn/models/language_model.h"
#include "nn/text/tokenizer.h"

namespace papilio::cli {

struct LoadedLanguageModel {
  std::unique_ptr<nn::LanguageModel> model;      // adapters hold pointers into it
  std::unique_ptr<boft::AdapterModel> adapters;  // null without
  std::unique_ptr<nn::Tokenizer> tokenizer;
  std::vector<std::string> warnings;

  // The model with its adapters.
  void to(Device device);
};

// Throws FileError if a folder is missing, broken or of another kind, and if the tokenizer has ids
// that the model does not know.
LoadedLanguageModel load_language_model(const std::filesystem::path& folder,
                                        const std::filesystem::path& adapter = {},
                                        bool ignore_unused = false);

// Does the folder hold a language model? Throws FileError for one that holds no model.
bool holds_language_model(const std::filesystem::path& folder);

}  // namespace papilio::cli
