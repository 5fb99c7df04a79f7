// Tokenizers in the files of Hugging Face's models.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/text/tokenizer.h"

namespace papilio::nn {

// Does the folder have tokenizer.json, or vocab.json and merges.txt?
bool has_tokenizer(const std::filesystem::path& folder);

// What the files of a tokenizer are called; a folder has some of them.
std::vector<std::string> tokenizer_file_names();

// The tokenizer of a model's folder: tokenizer.json, else vocab.json with merges.txt; which tokens
// play a part from tokenizer_config.json and special_tokens_map.json. Throws FileError that names
// the file and the place for what is broken, and the setting for what would give other ids than
// here (another kind of model, pre_tokenizer, normalizer).
Tokenizer load_tokenizer(const std::filesystem::path& folder);

// Writes tokenizer.json and tokenizer_config.json, and for older programs vocab.json and
// merges.txt; of one that reads as CLIP's the latter two and its configuration. The folder is
// there. clip_length: how many tokens the text encoder of CLIP's takes, to which other programs pad
// (model_max_length). Throws ArgumentError for a tokenizer that normalises in another way.
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder,
                    int64_t clip_length = 77);

// Copies the tokenizer's files of a model's folder, as they are, into another folder.
void copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace papilio::nn
