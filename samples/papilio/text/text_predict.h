// What a language model expects behind a text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

struct TextQuestion {
  std::string model, adapter, out;
  std::vector<std::string> texts;
  int64_t top = 3;
  bool ignore_unused = false;
};
// What `papilio predict` says of texts: how likely each is, and its likeliest next tokens. Returns
// the exit code.
int predict_text(const Options& options, const TextQuestion& question, Common& common);

}  // namespace papilio::cli
