// A whole finetuned model taken part of the way back to the one it began as.
#pragma once

#include <cstddef>
#include <filesystem>

#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/model.h"

namespace papilio::cli {

// W + strength (W' - W) for every weight of `loaded`, W' being those of the model folder; the head
// and the classes are the folder's whole. Returns how many tensors differ. Throws FileError for a
// model of other sizes.
size_t blend(LoadedModel& loaded, const std::filesystem::path& folder, double strength);
// The same of a language model, its head too.
size_t blend(LoadedLanguageModel& loaded, const std::filesystem::path& folder, double strength);

}  // namespace papilio::cli
