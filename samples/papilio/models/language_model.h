// The folder of a language model, with or without an adapter folder, ready to use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nn/models/language_model.h"
#include "nn/text/tokenizer.h"
#include "samples/papilio/models/loaded.h"

namespace papilio::cli {

struct LoadedLanguageModel : Loaded<nn::LanguageModel> {
  std::unique_ptr<nn::Tokenizer> tokenizer;
};

// Throws FileError if a folder is missing, broken or of another kind, and if the tokenizer has ids
// that the model does not know.
LoadedLanguageModel load_language_model(const std::filesystem::path& folder,
                                        const std::filesystem::path& adapter = {},
                                        bool ignore_unused = false);

// The ids of a text that was given as `name`; throws UsageError, which begins with it, for a
// character for which the vocabulary has no token.
std::vector<int64_t> ids_of(const nn::Tokenizer& tokenizer, const std::string& text,
                            const std::string& name);

// Does the folder hold a language model? Throws FileError for one that holds no model.
bool holds_language_model(const std::filesystem::path& folder);

}  // namespace papilio::cli
