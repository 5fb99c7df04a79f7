// How a language model goes on with a text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

struct TextPrompt {
  std::string model, adapter, prompt;
  std::vector<std::string> stop;
  int64_t max_new_tokens = 100, top_k = 0, samples = 1, seed = 0;
  double temperature = 1, top_p = 1, repetition_penalty = 1;
  bool no_cache = false, ignore_unused = false;
};
// What `papilio generate` does with a language model. Returns the exit code.
int generate_text(const Options& options, const TextPrompt& prompt, Common& common);

}  // namespace papilio::cli
