// Options of language models, and why those of others have no meaning for them.
#pragma once

#include <cstdint>

#include "samples/papilio/options/options.h"

namespace papilio::cli {

// Why an option of pictures has no meaning for text.
inline constexpr const char* kImageModel = "an image classifier";
// ... and the other way round.
inline constexpr const char* kLanguageModel = "a language model";

// Options that only a language model has.
struct TextSettings {
  int64_t length = 256;  // at most what the model looks at
  bool no_pack = false;
};
void add_sequence_length(Options& options, int64_t& length);
void add_text(Options& options, TextSettings& settings);
// At most what the model looks at; throws UsageError if more was asked for.
void settle_sequence_length(const Options& options, int64_t& length, int64_t most);
// For a command on images: throws UsageError for those that were given.
void refuse_text(Options& options, const TextSettings& settings);

}  // namespace papilio::cli
